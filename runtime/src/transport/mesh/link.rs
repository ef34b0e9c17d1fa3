//! Links to peers: sessions, flow control and frames.
//!
//! A session opens in two steps. It is *up* when ractor_cluster reports it ready here. It is *open* when a frame of
//! it has come from the peer, which proves that the peer's side is up as well. Envelopes flow only while it is open,
//! so none is sent to a side that does not know the session yet, and no credit is lost on it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use arc_swap::ArcSwap;
use ractor::ActorRef;
use ractor_cluster::NodeSessionMessage;
use tokio::sync::{Notify, watch};

use super::channels::AnyFrameWriter;
use super::complaints::Complaints;
use super::frame_message::FrameMessage;
use super::peer::MeshPeer;
use crate::address::NodeId;
use crate::locks::lock;
use crate::observe::PeerView;
use crate::time::Clock;
use crate::transport::frame::{self, Beat, Head};
use crate::transport::lanes::Lanes;
use crate::transport::{Envelope, ReceiverSlot, SendError, TransportConfig};

/// Shares of the credit: bulk in flight, and consumed bytes after which the peer gets an acknowledgement. The first
/// must be larger, or bulk would wait for heartbeats.
const BULK_SHARE: u32 = 4;
const ACK_SHARE: u32 = 16;

/// A ready session.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) id: u64,
    pub(super) actor: ActorRef<NodeSessionMessage>,
    pub(super) postbox: ActorRef<FrameMessage>,
    pub(super) incarnation: u64,
    /// The session's number, known to its two ends only.
    pub(super) number: u64,
    /// Writes frames to the connection; `None` if they travel as casts.
    pub(super) frames: Option<Arc<AnyFrameWriter>>,
}

/// State of a link, for tasks that wait for a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// No session.
    Down,
    /// The connection ended before it became a session.
    Refused,
    /// A session is ready here.
    Up,
}

#[derive(Default)]
struct Flow {
    session: Option<Session>,
    open: bool,
    /// Bytes sent in this session, and how many of them the peer has consumed.
    sent: u64,
    acked: u64,
    /// Bytes consumed in this session, and how many of them were acknowledged.
    consumed: u64,
    acknowledged: u64,
    last_received: u64,
    rtt_us: Option<u64>,
    beat: Option<Beat>,
    /// A frame was sent since the last heartbeat was due.
    sent_since_beat: bool,
    last_error: Option<String>,
}

/// The link to one peer.
pub(super) struct Link {
    pub(super) peer: MeshPeer,
    lanes: Mutex<Lanes>,
    flow: Mutex<Flow>,
    /// A frame of the peer is being processed: its answers leave together.
    held: AtomicBool,
    pub(super) work: Notify,
    pub(super) stage: watch::Sender<Stage>,
    /// The peer is reachable and has no session with this node.
    pub(super) knocked: Notify,
    /// Failures since the last session.
    errors: Mutex<Complaints>,
    /// Session number and incarnation last announced to the node's receiver.
    announced: Mutex<Option<(u64, u64)>>,
}

/// The links of a node.
pub(super) struct Links {
    pub(super) here: NodeId,
    pub(super) incarnation: u64,
    pub(super) clock: Clock,
    pub(super) config: TransportConfig,
    pub(super) slot: ReceiverSlot,
    pub(super) links: ArcSwap<BTreeMap<NodeId, Arc<Link>>>,
    /// Bytes written to the sockets of all peers.
    pub(super) sent: Arc<AtomicU64>,
    /// Frames that did not decode.
    pub(super) broken: AtomicU64,
    /// Connections with a channel for frames, by session number.
    pub(super) connections: Mutex<BTreeMap<u64, Arc<AnyFrameWriter>>>,
}

impl Link {
    pub(super) fn new(peer: MeshPeer, config: &TransportConfig) -> Self {
        Self {
            peer,
            lanes: Mutex::new(Lanes::new(config.lane_envelopes_max as usize, 64)),
            flow: Mutex::default(),
            held: AtomicBool::new(false),
            work: Notify::new(),
            stage: watch::Sender::new(Stage::Down),
            knocked: Notify::new(),
            errors: Mutex::default(),
            announced: Mutex::default(),
        }
    }

    pub(super) fn send(&self, envelope: &Envelope) -> Result<(), SendError> {
        if !self.flow().open {
            return Err(SendError::Unreachable);
        }
        self.lanes().push(envelope)?;
        if !self.held.load(Ordering::Acquire) {
            self.work.notify_one();
        }
        Ok(())
    }

    /// Sets a ready session. Returns the one that it replaces.
    pub(super) fn up(&self, session: Session, now: u64) -> Option<Session> {
        self.lanes().clear();
        let mut flow = self.flow();
        let before = flow.session.take();
        let beat = Some(Beat::Ping(now));
        *flow = Flow { session: Some(session), last_received: now, beat, ..Flow::default() };
        drop(flow);
        self.stage.send_replace(Stage::Up);
        self.work.notify_one();
        before
    }

    /// Ends a session. True if it was the current one.
    pub(super) fn down(&self, id: u64, why: &str) -> bool {
        let mut flow = self.flow();
        if flow.session.as_ref().is_none_or(|session| session.id != id) {
            return false;
        }
        *flow = Flow { last_error: Some(why.to_owned()), ..Flow::default() };
        drop(flow);
        self.lanes().clear();
        self.stage.send_replace(Stage::Down);
        true
    }

    /// Announces changes of the session to the node's receiver. Called after every change, from any task: the
    /// announcement follows the link's state, not the order of the tasks.
    pub(super) fn announce(&self, slot: &ReceiverSlot) {
        let Some(receiver) = slot.get() else { return };
        let mut announced = lock(&self.announced);
        let (now, why) = {
            let flow = self.flow();
            let session = flow.session.as_ref().filter(|_| flow.open);
            (session.map(|session| (session.number, session.incarnation)), flow.last_error.clone())
        };
        if *announced == now {
            return;
        }
        if announced.is_some() {
            receiver.peer_down(self.peer.node, why.as_deref().unwrap_or("replaced by a newer session"));
        }
        if let Some((_, incarnation)) = now {
            receiver.peer_up(self.peer.node, incarnation);
        }
        *announced = now;
    }

    /// Records a failed connection. After a session has opened, every reason is logged again.
    pub(super) fn failed(&self, why: String) {
        let worth_a_line = self.errors().note(&why);
        if let Some(count) = worth_a_line {
            tracing::warn!(node = self.peer.node.0, error = why, count, "no session with the peer");
        }
        let mut flow = self.flow();
        if !flow.open {
            flow.last_error = Some(why);
        }
    }

    /// Schedules a heartbeat; sends it alone if no other frame was sent. False if the peer has been silent for too
    /// long.
    pub(super) fn beat(&self, now: u64, silent_max: u64) -> bool {
        let mut flow = self.flow();
        if flow.session.is_none() {
            return true;
        }
        if now.saturating_sub(flow.last_received) > silent_max {
            return false;
        }
        flow.beat.get_or_insert(Beat::Ping(now));
        // Otherwise it goes with the next frame.
        let silent = !std::mem::take(&mut flow.sent_since_beat);
        drop(flow);
        if silent {
            self.work.notify_one();
        }
        true
    }

    pub(super) fn session(&self) -> Option<Session> {
        self.flow().session.clone()
    }

    /// The next frame to send, if there is content and credit for it.
    pub(super) fn next_frame(
        &self,
        here: NodeId,
        incarnation: u64,
        config: &TransportConfig,
    ) -> Option<(Session, Vec<u8>)> {
        let mut flow = self.flow();
        let session = flow.session.clone()?;
        let ahead = flow.sent - flow.acked;
        // Bulk may use only a part of the credit; otherwise all other lanes would wait behind it.
        let with_bulk = ahead < u64::from(config.credit_bytes / BULK_SHARE);
        let envelopes = if ahead < u64::from(config.credit_bytes) && flow.open {
            self.lanes().take(config.frame_bytes_max as usize, with_bulk)
        } else {
            Vec::new()
        };
        let beat = flow.beat.take();
        let ack_due = flow.consumed - flow.acknowledged > u64::from(config.credit_bytes / ACK_SHARE);
        if envelopes.is_empty() && beat.is_none() && !ack_due {
            return None;
        }
        flow.acknowledged = flow.consumed;
        flow.sent_since_beat = true;
        let count = u32::try_from(envelopes.len()).unwrap_or(u32::MAX);
        flow.sent += envelopes.iter().map(|envelope| envelope.len() as u64).sum::<u64>();
        let session_number = session.number;
        let head =
            Head { from: here.0, incarnation, session: session_number, consumed: flow.consumed, beat, count };
        drop(flow);
        Some((session, frame::encode(&head, &envelopes)))
    }

    /// Takes a frame's head; false if it is of another session.
    fn take_head(&self, head: &Head, bytes: u64, now: u64) -> bool {
        let mut flow = self.flow();
        if flow.session.as_ref().is_none_or(|session| session.number != head.session) {
            return false;
        }
        flow.last_received = now;
        if !flow.open {
            flow.open = true;
            *self.errors() = Complaints::default();
        }
        flow.acked = flow.acked.max(head.consumed).min(flow.sent);
        match head.beat {
            Some(Beat::Ping(sent_at)) => flow.beat = Some(Beat::Pong(sent_at)),
            Some(Beat::Pong(sent_at)) => flow.rtt_us = Some(now.saturating_sub(sent_at)),
            None => {}
        }
        flow.consumed += bytes;
        true
    }

    /// Holds back sends until the guard is dropped, so that the answers to one frame leave in one frame.
    fn hold(&self) -> Held<'_> {
        self.held.store(true, Ordering::Release);
        Held(self)
    }

    /// Time of the last frame in the current session; `None` without a session.
    pub(super) fn last_received_at(&self) -> Option<u64> {
        let flow = self.flow();
        flow.session.as_ref().map(|_| flow.last_received)
    }

    /// Whether a frame is of the current session.
    fn knows(&self, head: &Head) -> bool {
        self.flow().session.as_ref().is_some_and(|session| session.number == head.session)
    }

    pub(super) fn view(&self, now: u64) -> PeerView {
        let queued = u32::try_from(self.lanes().len()).unwrap_or(u32::MAX);
        let flow = self.flow();
        PeerView {
            node: self.peer.node,
            connected: flow.open,
            incarnation: flow.session.as_ref().map(|session| session.incarnation),
            silent_ms: flow.session.as_ref().map(|_| now.saturating_sub(flow.last_received) / 1_000),
            rtt_us: flow.rtt_us,
            queued,
            last_error: flow.last_error.clone(),
        }
    }

    fn errors(&self) -> MutexGuard<'_, Complaints> {
        lock(&self.errors)
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        lock(&self.lanes)
    }

    fn flow(&self) -> MutexGuard<'_, Flow> {
        lock(&self.flow)
    }
}

struct Held<'a>(&'a Link);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.held.store(false, Ordering::Release);
        // Also without an answer: the frame may have brought credit or a ping, or an acknowledgement is due.
        self.0.work.notify_one();
    }
}

impl Links {
    /// Writes a journal line once there is a receiver; logs it until then.
    pub(super) fn note(&self, subject: &str, change: &'static str, reason: String) {
        match self.slot.get() {
            Some(receiver) => receiver.noted(subject, change, reason),
            None => tracing::info!(subject, change, reason, "transport"),
        }
    }

    /// All links.
    pub(super) fn all(&self) -> Arc<BTreeMap<NodeId, Arc<Link>>> {
        self.links.load_full()
    }

    pub(super) fn get(&self, node: NodeId) -> Option<Arc<Link>> {
        self.links.load().get(&node).cloned()
    }

    pub(super) fn named(&self, name: &str) -> Option<Arc<Link>> {
        self.links.load().values().find(|link| link.peer.name == name).cloned()
    }

    /// A connection has a channel for frames.
    pub(super) fn connected(&self, number: u64, frames: Arc<AnyFrameWriter>) {
        self.connections().insert(number, frames);
    }

    /// A connection has ended.
    pub(super) fn disconnected(&self, number: u64) {
        self.connections().remove(&number);
    }

    /// The channel for frames of a session's connection.
    pub(super) fn frames_of(&self, number: u64) -> Option<Arc<AnyFrameWriter>> {
        self.connections().get(&number).cloned()
    }

    fn connections(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<AnyFrameWriter>>> {
        lock(&self.connections)
    }

    /// Takes a frame from a peer.
    pub(super) fn arrived(&self, bytes: &[u8]) {
        let (head, body) = match frame::decode_head(bytes) {
            Ok(decoded) => decoded,
            Err(error) => {
                let count = self.broken.fetch_add(1, Ordering::Relaxed) + 1;
                if count.is_power_of_two() {
                    tracing::warn!(%error, count, "a frame was refused");
                }
                return;
            }
        };
        let from = NodeId(head.from);
        let Some(link) = self.get(from).filter(|link| link.knows(&head)) else { return };
        let envelopes = match frame::decode_body(&head, body) {
            Ok(envelopes) => envelopes,
            Err(error) => {
                // Envelopes are lost, so their order is broken: a new session must start.
                self.end(&link, &format!("a frame was refused: {error}"));
                return;
            }
        };
        if !link.take_head(&head, body.len() as u64, self.clock.mono()) {
            return;
        }
        link.announce(&self.slot);
        let _held = link.hold();
        if let Some(receiver) = self.slot.get() {
            for envelope in envelopes {
                receiver.receive(from, envelope);
            }
        }
    }

    /// Ends a link's session, if it has one.
    pub(super) fn end(&self, link: &Link, why: &str) {
        if let Some(session) = link.session() {
            session.actor.stop(Some(why.to_owned()));
            if link.down(session.id, why) {
                link.announce(&self.slot);
            }
        }
    }
}
