//! Several nodes in one process. Envelopes are encoded to frames and back, so that tests cover the wire as well.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::{Receiver as Queue, Sender, channel, error::TrySendError};

use super::frame::{self, Head};
use super::{Envelope, ReceiverSlot, SendError, Transport};
use crate::address::NodeId;
use crate::observe::PeerView;
use crate::wire;

/// Frames waiting for one node.
const QUEUE_MAX: usize = 65_536;

struct Seat {
    incarnation: u64,
    slot: ReceiverSlot,
    queue: Sender<Vec<u8>>,
    paused: Arc<tokio::sync::watch::Sender<bool>>,
}

#[derive(Default)]
struct Net {
    seats: HashMap<NodeId, Seat>,
    cuts: HashSet<(NodeId, NodeId)>,
}

/// The network that nodes join. Clones are the same network.
#[derive(Clone, Default)]
pub struct MemoryNetwork(Arc<Mutex<Net>>);

/// One node's carrier.
pub struct MemoryTransport {
    network: MemoryNetwork,
    here: NodeId,
    incarnation: u64,
}

impl MemoryNetwork {
    /// Joins as a node; both sides hear of each other. Must be called within a tokio runtime.
    #[must_use]
    pub fn join(&self, node: NodeId, incarnation: u64, slot: ReceiverSlot) -> Arc<MemoryTransport> {
        let (queue, frames) = channel(QUEUE_MAX);
        let paused = Arc::new(tokio::sync::watch::Sender::new(false));
        #[allow(clippy::disallowed_methods, reason = "this is the shell that carries a node's envelopes")]
        tokio::spawn(deliver(slot.clone(), frames, paused.subscribe()));
        let mut net = self.net();
        for (other, seat) in &net.seats {
            if let Some(receiver) = seat.slot.get() {
                receiver.peer_up(node, incarnation);
            }
            if let Some(receiver) = slot.get() {
                receiver.peer_up(*other, seat.incarnation);
            }
        }
        net.seats.insert(node, Seat { incarnation, slot, queue, paused });
        Arc::new(MemoryTransport { network: self.clone(), here: node, incarnation })
    }

    /// The node is gone: its peers hear of it, and what it still sends is dropped.
    pub fn kill(&self, node: NodeId) {
        let mut net = self.net();
        if net.seats.remove(&node).is_some() {
            for seat in net.seats.values() {
                if let Some(receiver) = seat.slot.get() {
                    receiver.peer_down(node, "killed");
                }
            }
        }
    }

    /// Drops everything between two nodes, both ways, in silence.
    pub fn cut(&self, a: NodeId, b: NodeId) {
        self.net().cuts.extend([(a, b), (b, a)]);
    }

    /// Drops everything from one node to another, in silence.
    pub fn cut_one_way(&self, from: NodeId, to: NodeId) {
        self.net().cuts.insert((from, to));
    }

    /// Ends the cuts between two nodes.
    pub fn heal(&self, a: NodeId, b: NodeId) {
        let mut net = self.net();
        net.cuts.remove(&(a, b));
        net.cuts.remove(&(b, a));
    }

    /// Holds back what arrives at a node, as if it were frozen.
    pub fn pause(&self, node: NodeId, paused: bool) {
        if let Some(seat) = self.net().seats.get(&node) {
            seat.paused.send_replace(paused);
        }
    }

    fn net(&self) -> MutexGuard<'_, Net> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn deliver(
    slot: ReceiverSlot,
    mut frames: Queue<Vec<u8>>,
    mut paused: tokio::sync::watch::Receiver<bool>,
) {
    while let Some(bytes) = frames.recv().await {
        if paused.wait_for(|paused| !paused).await.is_err() {
            return;
        }
        let Some(receiver) = slot.get() else { continue };
        match frame::decode(&bytes) {
            Ok((head, envelopes)) => {
                for envelope in envelopes {
                    receiver.receive(NodeId(head.from), envelope);
                }
            }
            Err(error) => tracing::error!(%error, "a frame of our own does not decode"),
        }
    }
}

impl Transport for MemoryTransport {
    fn send(&self, to: NodeId, envelope: Envelope) -> Result<(), SendError> {
        let net = self.network.net();
        // An earlier incarnation must not speak for its successor.
        if net.seats.get(&self.here).is_none_or(|seat| seat.incarnation != self.incarnation) {
            return Err(SendError::Unreachable);
        }
        let seat = net.seats.get(&to).ok_or(SendError::Unreachable)?;
        if net.cuts.contains(&(self.here, to)) {
            return Ok(());
        }
        let head =
            Head { from: self.here.0, incarnation: self.incarnation, consumed: 0, beat: None, count: 1 };
        let bytes = frame::encode(&head, &[wire::encode(&envelope)]);
        seat.queue.try_send(bytes).map_err(|error| match error {
            TrySendError::Full(_) => SendError::Full,
            TrySendError::Closed(_) => SendError::Unreachable,
        })
    }

    fn peers(&self) -> Vec<PeerView> {
        let net = self.network.net();
        let mut peers: Vec<PeerView> = net
            .seats
            .iter()
            .filter(|(node, _)| **node != self.here)
            .map(|(node, seat)| PeerView {
                node: *node,
                connected: !net.cuts.contains(&(self.here, *node)),
                incarnation: Some(seat.incarnation),
                silent_ms: None,
                rtt_us: None,
                queued: u32::try_from(QUEUE_MAX - seat.queue.capacity()).unwrap_or(u32::MAX),
                last_error: None,
            })
            .collect();
        peers.sort_by_key(|peer| peer.node);
        peers
    }
}
