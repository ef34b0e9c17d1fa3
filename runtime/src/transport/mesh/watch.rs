//! Session events of ractor_cluster, and the tasks that act on them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ractor::{ActorId, ActorRef};
use ractor_cluster::node::NodeServerSessionInformation;
use ractor_cluster::{NodeEventSubscription, NodeSessionMessage};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::frame_message::FrameMessage;
use super::link::{Link, Links, Session, Stage};
use super::postbox::GROUP;
use super::speaks::Speaks;
use super::stream::read_label;
use crate::time::micros;

/// Time for the peer's postbox to appear in the process group after a session is ready.
const POSTBOX_WITHIN: Duration = Duration::from_secs(3);
/// Period of checks for sessions that do not become ready.
const SWEEP_EVERY: Duration = Duration::from_millis(500);

/// A change of a session. A few per connection, which the accept loop bounds.
pub(super) enum Change {
    Opened(NodeServerSessionInformation),
    Ready(NodeServerSessionInformation),
    Gone(NodeServerSessionInformation),
}

/// Forwards session events to a channel.
pub(super) struct Events(pub(super) UnboundedSender<Change>);

impl NodeEventSubscription for Events {
    fn node_session_opened(&self, session: NodeServerSessionInformation) {
        let _ = self.0.send(Change::Opened(session));
    }

    fn node_session_authenticated(&self, _session: NodeServerSessionInformation) {}

    fn node_session_disconnected(&self, session: NodeServerSessionInformation) {
        let _ = self.0.send(Change::Gone(session));
    }

    fn node_session_ready(&self, session: NodeServerSessionInformation) {
        let _ = self.0.send(Change::Ready(session));
    }
}

/// Sessions that are not ready yet, with their deadlines.
type Pending = HashMap<u64, (tokio::time::Instant, ActorRef<NodeSessionMessage>)>;

/// Follows sessions while the node runs.
pub(super) async fn follow(links: Arc<Links>, mut changes: UnboundedReceiver<Change>) {
    let mut pending = Pending::new();
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    loop {
        tokio::select! {
            change = changes.recv() => match change {
                None => return,
                Some(Change::Opened(session)) => {
                    let until = tokio::time::Instant::now() + links.config.handshake_timeout;
                    pending.insert(session.node_id, (until, session.actor));
                }
                Some(Change::Ready(session)) => {
                    pending.remove(&session.node_id);
                    ready(&links, session).await;
                }
                Some(Change::Gone(session)) => {
                    let early = pending.remove(&session.node_id).is_some();
                    gone(&links, &session, early);
                }
            },
            now = sweep.tick() => {
                // The peer has a valid certificate and does not complete the session.
                for (until, actor) in pending.values() {
                    if now > *until {
                        actor.stop(Some("not ready in time".to_owned()));
                    }
                }
            }
        }
    }
}

async fn ready(links: &Arc<Links>, session: NodeServerSessionInformation) {
    let (link, incarnation, number) = match identify(links, &session) {
        Ok(identity) => identity,
        Err(error) => {
            if let Some(link) = shown(links, &session) {
                link.failed(error.clone());
                link.stage.send_replace(Stage::Refused);
            }
            session.actor.stop(Some(error));
            return;
        }
    };
    let Some(postbox) = find_postbox(session.node_id).await else {
        link.failed("the postbox of the peer did not appear".to_owned());
        session.actor.stop(Some("no postbox".to_owned()));
        return;
    };
    let frames = links.frames_of(number);
    let current = Session { id: session.node_id, actor: session.actor, postbox, incarnation, number, frames };
    if let Some(before) = link.up(current, links.clock.mono())
        && before.id != session.node_id
    {
        // A half-open session of an earlier incarnation must end.
        before.actor.stop(Some("replaced".to_owned()));
    }
    link.announce(&links.slot);
}

fn gone(links: &Links, session: &NodeServerSessionInformation, early: bool) {
    if early && let Some(link) = shown(links, session) {
        let why = "the peer ended the connection before there was a session: is the cookie the same, and are both \
                   certificates of one authority?";
        link.failed(why.to_owned());
        let up = *link.stage.borrow() == Stage::Up;
        if !up {
            link.stage.send_replace(Stage::Refused);
        }
    }
    for link in links.all().values() {
        if link.down(session.node_id, "the session ended") {
            link.announce(&links.slot);
        }
    }
}

/// The peer named by the presented certificate.
fn shown(links: &Links, session: &NodeServerSessionInformation) -> Option<Arc<Link>> {
    let (name, _) = read_label(&session.peer_addr)?;
    links.named(name)
}

/// The peer, its incarnation and the session's number, if its certificate and its claimed name agree. Names are
/// `name.incarnation@FORMATS`.
fn identify(links: &Links, session: &NodeServerSessionInformation) -> Result<(Arc<Link>, u64, u64), String> {
    let claimed = session.peer_name.as_ref().map_or("", |name| name.name.as_str());
    let (certified, number) =
        read_label(&session.peer_addr).ok_or("the connection was not made by the mesh")?;
    let (name, speaks) = claimed.rsplit_once('@').ok_or("the peer's name has no frame format")?;
    let (name, incarnation) = name.rsplit_once('.').ok_or("the peer's name has no incarnation")?;
    if name != certified {
        return Err(format!("the peer claims to be {name:?}, and its certificate is of {certified:?}"));
    }
    Speaks::HERE.agree(Speaks::parse(speaks)?)?;
    let link = shown(links, session).ok_or("the peer is not configured")?;
    let incarnation = incarnation.parse().map_err(|_| "the peer's incarnation is not a number")?;
    Ok((link, incarnation, number))
}

async fn find_postbox(node: u64) -> Option<ActorRef<FrameMessage>> {
    let deadline = tokio::time::Instant::now() + POSTBOX_WITHIN;
    loop {
        let members = ractor::pg::get_members(&GROUP.to_owned());
        let found = members.into_iter().find(|cell| match cell.get_id() {
            ActorId::Remote { node_id, .. } => node_id == node,
            ActorId::Local(_) => false,
        });
        if let Some(cell) = found {
            return Some(cell.into());
        }
        if tokio::time::Instant::now() >= deadline {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Sends frames to one peer while the node runs.
pub(super) async fn write(links: Arc<Links>, link: Arc<Link>) {
    loop {
        link.work.notified().await;
        // Other tasks with work may send as well: their envelopes join this frame.
        tokio::task::yield_now().await;
        while let Some((session, bytes)) = link.next_frame(links.here, links.incarnation, &links.config) {
            let sent = match &session.frames {
                Some(frames) => frames.write(&bytes).await.is_ok(),
                None => session.postbox.cast(FrameMessage(bytes)).is_ok(),
            };
            if !sent {
                session.actor.stop(Some("its connection has ended".to_owned()));
                break;
            }
            // The session's own tasks get a turn: new envelopes join the next frame.
            tokio::task::yield_now().await;
        }
    }
}

/// Sends heartbeats and ends sessions of silent peers.
pub(super) async fn beat(links: Arc<Links>) {
    let mut every = tokio::time::interval(links.config.heartbeat_every);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let silent_max = micros(links.config.peer_silent_max);
    loop {
        every.tick().await;
        let now = links.clock.mono();
        for link in links.all().values() {
            if !link.beat(now, silent_max) {
                links.end(link, "the peer is silent");
            }
            // The receiver is created after the transport: earlier changes are announced now.
            link.announce(&links.slot);
        }
    }
}
