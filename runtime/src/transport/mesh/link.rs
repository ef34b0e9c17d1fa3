//! What a node knows of each peer, and the frames that go to and fro.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ractor::ActorRef;
use ractor_cluster::NodeSessionMessage;
use tokio::sync::Notify;

use super::postbox::FrameMessage;
use super::start::MeshPeer;
use crate::address::NodeId;
use crate::observe::PeerView;
use crate::time::Clock;
use crate::transport::frame::{self, Beat, Head};
use crate::transport::lanes::Lanes;
use crate::transport::{Envelope, ReceiverSlot, SendError, TransportConfig};

/// A session that is ready.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) id: u64,
    pub(super) actor: ActorRef<NodeSessionMessage>,
    pub(super) postbox: ActorRef<FrameMessage>,
    pub(super) incarnation: u64,
}

#[derive(Default)]
struct Flow {
    session: Option<Session>,
    /// Bytes sent in this session, and how many of them the peer has consumed.
    sent: u64,
    acked: u64,
    /// Bytes consumed in this session, and how many of them the peer has been told.
    consumed: u64,
    told: u64,
    heard: u64,
    rtt_us: Option<u64>,
    beat: Option<Beat>,
    last_error: Option<String>,
}

/// One peer.
pub(super) struct Link {
    pub(super) peer: MeshPeer,
    lanes: Mutex<Lanes>,
    flow: Mutex<Flow>,
    pub(super) work: Notify,
    pub(super) lost: Notify,
    errors: AtomicU64,
}

/// All peers of a node.
pub(super) struct Links {
    pub(super) here: NodeId,
    pub(super) incarnation: u64,
    pub(super) clock: Clock,
    pub(super) config: TransportConfig,
    pub(super) slot: ReceiverSlot,
    pub(super) links: BTreeMap<NodeId, Arc<Link>>,
}

impl Link {
    pub(super) fn new(peer: MeshPeer, config: &TransportConfig) -> Self {
        Self {
            peer,
            lanes: Mutex::new(Lanes::new(config.lane_envelopes_max as usize, 64)),
            flow: Mutex::default(),
            work: Notify::new(),
            lost: Notify::new(),
            errors: AtomicU64::new(0),
        }
    }

    pub(super) fn send(&self, envelope: &Envelope) -> Result<(), SendError> {
        if self.flow().session.is_none() {
            return Err(SendError::Unreachable);
        }
        self.lanes().push(envelope)?;
        self.work.notify_one();
        Ok(())
    }

    pub(super) fn connected(&self) -> bool {
        self.flow().session.is_some()
    }

    /// A session is ready. Returns the one it replaces.
    pub(super) fn up(&self, session: Session, now: u64) -> Option<Session> {
        self.lanes().clear();
        let mut flow = self.flow();
        let before = flow.session.take();
        let rtt_us = flow.rtt_us;
        *flow = Flow { session: Some(session), heard: now, rtt_us, ..Flow::default() };
        drop(flow);
        self.errors.store(0, Ordering::Relaxed);
        self.work.notify_one();
        before
    }

    /// The session ended. True when it was the current one.
    pub(super) fn down(&self, id: u64, why: &str) -> bool {
        let mut flow = self.flow();
        if flow.session.as_ref().is_none_or(|session| session.id != id) {
            return false;
        }
        *flow = Flow { last_error: Some(why.to_owned()), ..Flow::default() };
        drop(flow);
        self.lanes().clear();
        self.lost.notify_one();
        true
    }

    /// A connection could not be made. Logged when it is new, and then for each power of two.
    pub(super) fn failed(&self, why: String) {
        let count = self.errors.fetch_add(1, Ordering::Relaxed) + 1;
        let new = self.flow().last_error.as_ref() != Some(&why);
        if new && count <= 1 || count.is_power_of_two() && count >= 16 {
            tracing::warn!(node = self.peer.node.0, error = why, count, "no session with the peer");
        }
        self.flow().last_error = Some(why);
    }

    /// Asks for a heartbeat to be sent; false when the peer has been silent for too long.
    pub(super) fn beat(&self, now: u64, silent_max: u64) -> bool {
        let mut flow = self.flow();
        if flow.session.is_none() {
            return true;
        }
        if now.saturating_sub(flow.heard) > silent_max {
            return false;
        }
        flow.beat.get_or_insert(Beat::Ping(now));
        drop(flow);
        self.work.notify_one();
        true
    }

    pub(super) fn session(&self) -> Option<Session> {
        self.flow().session.clone()
    }

    /// The next frame to send, if there is anything to say and credit to say it.
    pub(super) fn next_frame(
        &self,
        here: NodeId,
        incarnation: u64,
        config: &TransportConfig,
    ) -> Option<(Session, Vec<u8>)> {
        let mut flow = self.flow();
        let session = flow.session.clone()?;
        let credit = flow.sent - flow.acked < u64::from(config.credit_bytes);
        let envelopes = if credit { self.lanes().take(config.frame_bytes_max as usize) } else { Vec::new() };
        let beat = flow.beat.take();
        let owed = flow.consumed - flow.told > u64::from(config.credit_bytes) / 4;
        if envelopes.is_empty() && beat.is_none() && !owed {
            return None;
        }
        flow.told = flow.consumed;
        let count = u32::try_from(envelopes.len()).unwrap_or(u32::MAX);
        flow.sent += envelopes.iter().map(|envelope| envelope.len() as u64).sum::<u64>();
        let head = Head { from: here.0, incarnation, consumed: flow.consumed, beat, count };
        drop(flow);
        Some((session, frame::encode(&head, &envelopes)))
    }

    /// Takes a frame's head; false when it belongs to another incarnation.
    fn heard(&self, head: &Head, bytes: u64, now: u64) -> bool {
        let mut flow = self.flow();
        if flow.session.as_ref().is_none_or(|session| session.incarnation != head.incarnation) {
            return false;
        }
        flow.heard = now;
        let room = head.consumed > flow.acked;
        flow.acked = flow.acked.max(head.consumed);
        let mut wake = room;
        match head.beat {
            Some(Beat::Ping(asked)) => {
                flow.beat = Some(Beat::Pong(asked));
                wake = true;
            }
            Some(Beat::Pong(asked)) => flow.rtt_us = Some(now.saturating_sub(asked)),
            None => {}
        }
        flow.consumed += bytes;
        drop(flow);
        if wake || bytes > 0 {
            self.work.notify_one();
        }
        true
    }

    pub(super) fn view(&self, now: u64) -> PeerView {
        let queued = u32::try_from(self.lanes().len()).unwrap_or(u32::MAX);
        let flow = self.flow();
        PeerView {
            node: self.peer.node,
            connected: flow.session.is_some(),
            incarnation: flow.session.as_ref().map(|session| session.incarnation),
            silent_ms: flow.session.as_ref().map(|_| now.saturating_sub(flow.heard) / 1_000),
            rtt_us: flow.rtt_us,
            queued,
            last_error: flow.last_error.clone(),
        }
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flow(&self) -> MutexGuard<'_, Flow> {
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Links {
    /// A frame came through the postbox.
    pub(super) fn arrived(&self, bytes: &[u8]) {
        let (head, envelopes) = match frame::decode(bytes) {
            Ok(decoded) => decoded,
            Err(error) => {
                tracing::warn!(%error, "a frame was refused");
                return;
            }
        };
        let from = NodeId(head.from);
        let Some(link) = self.links.get(&from) else { return };
        let body: u64 = if head.count == 0 { 0 } else { frame_body_bytes(bytes, &head) };
        if !link.heard(&head, body, self.clock.mono()) {
            return;
        }
        if let Some(receiver) = self.slot.get() {
            for envelope in envelopes {
                receiver.receive(from, envelope);
            }
        }
    }
}

/// Bytes of the envelopes in a frame: what credits count.
fn frame_body_bytes(bytes: &[u8], head: &Head) -> u64 {
    let around = frame::encode(head, &[]).len();
    (bytes.len() - around) as u64
}
