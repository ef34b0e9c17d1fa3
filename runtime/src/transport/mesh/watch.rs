//! What ractor_cluster reports of its sessions, and the tasks that act on it.

use std::sync::Arc;
use std::time::Duration;

use ractor::{ActorId, ActorRef};
use ractor_cluster::NodeEventSubscription;
use ractor_cluster::node::NodeServerSessionInformation;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::link::{Link, Links, Session};
use super::postbox::{FrameMessage, GROUP};

/// How long the peer's postbox may take to appear in the process group after a session is ready.
const POSTBOX_WITHIN: Duration = Duration::from_secs(3);

/// A session's change. At most a few for each connection, which the accept loop bounds.
pub(super) enum Change {
    Ready(NodeServerSessionInformation),
    Gone(NodeServerSessionInformation),
}

/// Passes changes on.
pub(super) struct Events(pub(super) UnboundedSender<Change>);

impl NodeEventSubscription for Events {
    fn node_session_opened(&self, _session: NodeServerSessionInformation) {}

    fn node_session_authenticated(&self, _session: NodeServerSessionInformation) {}

    fn node_session_disconnected(&self, session: NodeServerSessionInformation) {
        let _ = self.0.send(Change::Gone(session));
    }

    fn node_session_ready(&self, session: NodeServerSessionInformation) {
        let _ = self.0.send(Change::Ready(session));
    }
}

/// Follows sessions for as long as the node runs.
pub(super) async fn follow(links: Arc<Links>, mut changes: UnboundedReceiver<Change>) {
    while let Some(change) = changes.recv().await {
        match change {
            Change::Ready(session) => ready(&links, session).await,
            Change::Gone(session) => gone(&links, &session),
        }
    }
}

async fn ready(links: &Arc<Links>, session: NodeServerSessionInformation) {
    let claimed = session.peer_name.as_ref().map(|name| name.name.clone()).unwrap_or_default();
    let Some((link, incarnation)) = identify(links, &session, &claimed) else {
        tracing::warn!(
            certificate = session.peer_addr,
            claimed,
            "a peer claims a name that is not its certificate's"
        );
        session.actor.stop(Some("name and certificate differ".to_owned()));
        return;
    };
    let Some(postbox) = find_postbox(session.node_id).await else {
        link.failed("the peer showed no postbox".to_owned());
        session.actor.stop(Some("no postbox".to_owned()));
        return;
    };
    let current = Session { id: session.node_id, actor: session.actor, postbox, incarnation };
    if let Some(before) = link.up(current, links.clock.mono())
        && before.id != session.node_id
    {
        // A half-open session of an earlier incarnation must not linger.
        before.actor.stop(Some("replaced".to_owned()));
        if let Some(receiver) = links.slot.get() {
            receiver.peer_down(link.peer.node, "replaced by a newer session");
        }
    }
    if let Some(receiver) = links.slot.get() {
        receiver.peer_up(link.peer.node, incarnation);
    }
}

fn gone(links: &Arc<Links>, session: &NodeServerSessionInformation) {
    for link in links.links.values() {
        if link.down(session.node_id, "the session ended")
            && let Some(receiver) = links.slot.get()
        {
            receiver.peer_down(link.peer.node, "the session ended");
        }
    }
}

/// The peer whose certificate and claimed name agree. Names are `name.incarnation@host`.
fn identify<'a>(
    links: &'a Links,
    session: &NodeServerSessionInformation,
    claimed: &str,
) -> Option<(&'a Arc<Link>, u64)> {
    let (name, _) = claimed.split_once('@')?;
    let (name, incarnation) = name.rsplit_once('.')?;
    let link = links.links.values().find(|link| link.peer.name == name)?;
    let incarnation = incarnation.parse().ok()?;
    (session.peer_addr == name).then_some((link, incarnation))
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

/// Sends frames to one peer for as long as the node runs.
pub(super) async fn write(links: Arc<Links>, link: Arc<Link>) {
    loop {
        link.work.notified().await;
        while let Some((session, bytes)) = link.next_frame(links.here, links.incarnation, &links.config) {
            if session.postbox.cast(FrameMessage(bytes)).is_err() {
                session.actor.stop(Some("its postbox is gone".to_owned()));
                break;
            }
            // The session's own tasks get a turn: what arrives meanwhile joins the next frame.
            tokio::task::yield_now().await;
        }
    }
}

/// Sends heartbeats and ends sessions of peers that have fallen silent.
pub(super) async fn beat(links: Arc<Links>) {
    let mut every = tokio::time::interval(links.config.heartbeat_every);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let silent_max = u64::try_from(links.config.peer_silent_max.as_micros()).unwrap_or(u64::MAX);
    loop {
        every.tick().await;
        let now = links.clock.mono();
        for link in links.links.values() {
            if link.beat(now, silent_max) {
                continue;
            }
            if let Some(session) = link.session() {
                session.actor.stop(Some("the peer is silent".to_owned()));
                if link.down(session.id, "the peer is silent")
                    && let Some(receiver) = links.slot.get()
                {
                    receiver.peer_down(link.peer.node, "the peer is silent");
                }
            }
        }
    }
}
