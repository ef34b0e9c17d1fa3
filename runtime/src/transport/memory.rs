//! A transport between nodes of one process. Envelopes are encoded to frames and back, so that tests cover the wire
//! format.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::mpsc::{Receiver as Queue, Sender, channel, error::TrySendError};
use tokio::sync::watch;

use super::frame::{self, Head};
use super::lanes::ENVELOPE_BYTES_MAX;
use super::{Envelope, ReceiverSlot, SendError, Transport};
use crate::address::NodeId;
use crate::locks::lock;
use crate::observe::PeerView;
use crate::wire;

/// Frames queued for one node.
const QUEUE_MAX: usize = 65_536;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Gate {
    Open,
    Paused,
    Gone,
}

struct Seat {
    incarnation: u64,
    slot: ReceiverSlot,
    queue: Sender<Vec<u8>>,
    gate: watch::Sender<Gate>,
}

#[derive(Default)]
struct Net {
    seats: HashMap<NodeId, Seat>,
    cuts: HashSet<(NodeId, NodeId)>,
}

/// The network that nodes join. Clones share the network.
#[derive(Clone, Default)]
pub struct MemoryNetwork(Arc<Mutex<Net>>);

/// The transport of one node.
pub struct MemoryTransport {
    network: MemoryNetwork,
    here: NodeId,
    incarnation: u64,
}

impl MemoryNetwork {
    /// Joins as a node; both sides get `peer_up`. Must be called within a tokio runtime.
    #[must_use]
    pub fn join(&self, node: NodeId, incarnation: u64, slot: ReceiverSlot) -> Arc<MemoryTransport> {
        let (queue, frames) = channel(QUEUE_MAX);
        let gate = watch::Sender::new(Gate::Open);
        #[allow(clippy::disallowed_methods, reason = "this is the shell that carries a node's envelopes")]
        tokio::spawn(deliver(slot.clone(), frames, gate.subscribe()));
        self.kill(node);
        let others: Vec<(NodeId, u64, ReceiverSlot)> = {
            let mut net = self.net();
            let others = net.seats.iter().map(|(other, seat)| (*other, seat.incarnation, seat.slot.clone()));
            let others = others.collect();
            net.seats.insert(node, Seat { incarnation, slot: slot.clone(), queue, gate });
            others
        };
        // Receivers may send immediately, so they are called without the lock.
        for (other, other_incarnation, other_slot) in others {
            if let Some(receiver) = other_slot.get() {
                receiver.peer_up(node, incarnation);
            }
            if let Some(receiver) = slot.get() {
                receiver.peer_up(other, other_incarnation);
            }
        }
        Arc::new(MemoryTransport { network: self.clone(), here: node, incarnation })
    }

    /// Ends a node: its peers get `peer_down`, its queue is dropped, and further sends of it are refused.
    pub fn kill(&self, node: NodeId) {
        let others: Vec<ReceiverSlot> = {
            let mut net = self.net();
            let Some(seat) = net.seats.remove(&node) else { return };
            seat.gate.send_replace(Gate::Gone);
            net.seats.values().map(|seat| seat.slot.clone()).collect()
        };
        for slot in others {
            if let Some(receiver) = slot.get() {
                receiver.peer_down(node, "killed");
            }
        }
    }

    /// Silently drops everything between two nodes, in both directions.
    pub fn cut(&self, a: NodeId, b: NodeId) {
        self.net().cuts.extend([(a, b), (b, a)]);
    }

    /// Silently drops everything from one node to another.
    pub fn cut_one_way(&self, from: NodeId, to: NodeId) {
        self.net().cuts.insert((from, to));
    }

    /// Ends the cuts between two nodes.
    pub fn heal(&self, a: NodeId, b: NodeId) {
        let mut net = self.net();
        net.cuts.remove(&(a, b));
        net.cuts.remove(&(b, a));
    }

    /// Holds back frames to a node, as if it were frozen.
    pub fn pause(&self, node: NodeId, paused: bool) {
        if let Some(seat) = self.net().seats.get(&node) {
            seat.gate.send_replace(if paused { Gate::Paused } else { Gate::Open });
        }
    }

    fn net(&self) -> MutexGuard<'_, Net> {
        lock(&self.0)
    }
}

async fn deliver(slot: ReceiverSlot, mut frames: Queue<Vec<u8>>, mut gate: watch::Receiver<Gate>) {
    while let Some(bytes) = frames.recv().await {
        let gate = gate.wait_for(|gate| *gate != Gate::Paused).await.map(|gate| *gate);
        if !matches!(gate, Ok(Gate::Open)) {
            return;
        }
        let Some(receiver) = slot.get() else { continue };
        match frame::decode(&bytes) {
            Ok((head, envelopes)) => {
                for envelope in envelopes {
                    receiver.receive(NodeId(head.from), envelope);
                }
            }
            Err(error) => tracing::error!(%error, "a frame that this process encoded does not decode"),
        }
    }
}

impl Transport for MemoryTransport {
    fn send(&self, to: NodeId, envelope: &Envelope) -> Result<(), SendError> {
        let net = self.network.net();
        // An earlier incarnation must not send in the name of its successor.
        if net.seats.get(&self.here).is_none_or(|seat| seat.incarnation != self.incarnation) {
            return Err(SendError::Unreachable);
        }
        let seat = net.seats.get(&to).ok_or(SendError::Unreachable)?;
        if net.cuts.contains(&(self.here, to)) {
            return Ok(());
        }
        let head = Head {
            from: self.here.0,
            incarnation: self.incarnation,
            session: 0,
            consumed: 0,
            beat: None,
            count: 1,
        };
        let body = wire::encode(envelope);
        if body.len() > ENVELOPE_BYTES_MAX {
            return Err(SendError::TooLarge);
        }
        let bytes = frame::encode(&head, &[body]);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{Receiver, ServiceCall};

    #[derive(Default)]
    struct Recorder(Mutex<Vec<String>>, tokio::sync::Notify);

    impl Recorder {
        fn note(&self, what: String) {
            self.0.lock().unwrap().push(what);
            self.1.notify_one();
        }

        async fn until(&self, count: usize) -> Vec<String> {
            let wait = async {
                loop {
                    let heard = self.0.lock().unwrap().clone();
                    if heard.len() >= count {
                        return heard;
                    }
                    self.1.notified().await;
                }
            };
            tokio::time::timeout(std::time::Duration::from_secs(10), wait).await.unwrap()
        }
    }

    impl Receiver for Recorder {
        fn receive(&self, from: NodeId, envelope: Envelope) {
            let Envelope::Call(call) = envelope else { panic!("{envelope:?}") };
            self.note(format!("{} from {}", call.call, from.0));
        }

        fn peer_up(&self, node: NodeId, incarnation: u64) {
            self.note(format!("up {} {incarnation}", node.0));
        }

        fn peer_down(&self, node: NodeId, _reason: &str) {
            self.note(format!("down {}", node.0));
        }
    }

    fn call(call: u64) -> Envelope {
        Envelope::Call(ServiceCall { call, service: "s".into(), body: vec![] })
    }

    fn join(network: &MemoryNetwork, node: u16, incarnation: u64) -> (Arc<MemoryTransport>, Arc<Recorder>) {
        let heard = Arc::new(Recorder::default());
        let slot = ReceiverSlot::default();
        assert!(slot.set(heard.clone()).is_ok());
        (network.join(NodeId(node), incarnation, slot), heard)
    }

    #[tokio::test]
    async fn envelopes_arrive_in_order_and_none_through_a_cut() {
        let network = MemoryNetwork::default();
        let (one, heard_one) = join(&network, 1, 10);
        let (two, heard_two) = join(&network, 2, 20);
        for n in 0..1_000 {
            one.send(NodeId(2), &call(n)).unwrap();
        }
        let heard = heard_two.until(1_001).await;
        assert_eq!(heard[0], "up 1 10");
        let expected: Vec<String> = (0..1_000).map(|n| format!("{n} from 1")).collect();
        assert_eq!(heard[1..], expected);
        network.cut_one_way(NodeId(1), NodeId(2));
        assert_eq!(one.send(NodeId(2), &call(1_000)), Ok(()), "a cut is silent");
        assert!(!one.peers()[0].connected);
        two.send(NodeId(1), &call(7)).unwrap();
        assert_eq!(heard_one.until(2).await, ["up 2 20", "7 from 2"]);
        network.heal(NodeId(1), NodeId(2));
        one.send(NodeId(2), &call(1_001)).unwrap();
        assert_eq!(heard_two.until(1_002).await[1_001..], ["1001 from 1"]);
    }

    #[tokio::test]
    async fn a_killed_node_neither_receives_nor_sends_and_its_successor_does() {
        let network = MemoryNetwork::default();
        let (one, heard_one) = join(&network, 1, 10);
        let (two, heard_two) = join(&network, 2, 20);
        network.pause(NodeId(2), true);
        one.send(NodeId(2), &call(1)).unwrap();
        network.kill(NodeId(2));
        assert_eq!(one.send(NodeId(2), &call(2)), Err(SendError::Unreachable));
        assert_eq!(two.send(NodeId(1), &call(3)), Err(SendError::Unreachable));
        let (_successor, heard_successor) = join(&network, 2, 21);
        assert_eq!(two.send(NodeId(1), &call(4)), Err(SendError::Unreachable), "an old incarnation");
        one.send(NodeId(2), &call(5)).unwrap();
        assert_eq!(heard_successor.until(2).await, ["up 1 10", "5 from 1"]);
        assert_eq!(heard_one.until(3).await, ["up 2 20", "down 2", "up 2 21"]);
        assert_eq!(heard_two.until(1).await, ["up 1 10"], "what waited was dropped");
    }

    #[tokio::test]
    async fn a_paused_node_holds_back_a_bounded_number_of_frames() {
        let network = MemoryNetwork::default();
        let (one, _) = join(&network, 1, 10);
        let (_two, heard) = join(&network, 2, 20);
        network.pause(NodeId(2), true);
        let taken = (0..).take_while(|n| one.send(NodeId(2), &call(*n)).is_ok()).count();
        assert!((QUEUE_MAX..=QUEUE_MAX + 1).contains(&taken), "{taken}");
        assert_eq!(one.send(NodeId(2), &call(0)), Err(SendError::Full));
        assert!(one.peers()[0].queued > 60_000);
        assert_eq!(heard.0.lock().unwrap().len(), 1);
        network.pause(NodeId(2), false);
        let last = heard.until(taken + 1).await.pop();
        assert_eq!(last, Some(format!("{} from 1", taken - 1)));
    }
}
