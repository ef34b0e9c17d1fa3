use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use troupe_runtime::NodeId;
use troupe_runtime::observe::PeerView;
use troupe_runtime::transport::{Envelope, ReceiverSlot, SendError, Transport};
#[derive(Clone, Default)]
pub(crate) struct MemoryNetwork(Arc<Mutex<Net>>);
#[derive(Default)]
struct Net {
    up: HashMap<NodeId, (u64, ReceiverSlot, tokio::sync::mpsc::UnboundedSender<(NodeId, Envelope)>)>,
    cut: HashSet<(NodeId, NodeId)>,
}
pub(crate) struct T(MemoryNetwork, NodeId, u64);
impl MemoryNetwork {
    pub(crate) fn join(&self, node: NodeId, inc: u64, slot: ReceiverSlot) -> Arc<T> {
        let (tx, mut rx) = tokio::sync::mpsc::unbounded_channel();
        let s2 = slot.clone();
        tokio::spawn(async move {
            while let Some((from, e)) = rx.recv().await {
                if let Some(r) = s2.get() {
                    r.receive(from, e)
                }
            }
        });
        self.0.lock().unwrap().up.insert(node, (inc, slot, tx));
        Arc::new(T(self.clone(), node, inc))
    }
    pub(crate) fn kill(&self, node: NodeId) {
        let mut net = self.0.lock().unwrap();
        if net.up.remove(&node).is_some() {
            for (_, (_, slot, _)) in &net.up {
                if let Some(r) = slot.get() {
                    r.peer_down(node, "killed")
                }
            }
        }
    }
    pub(crate) fn cut(&self, a: NodeId, b: NodeId) {
        let mut n = self.0.lock().unwrap();
        n.cut.insert((a, b));
        n.cut.insert((b, a));
    }
    pub(crate) fn heal(&self, a: NodeId, b: NodeId) {
        let mut n = self.0.lock().unwrap();
        n.cut.remove(&(a, b));
        n.cut.remove(&(b, a));
    }
}
impl Transport for T {
    fn send(&self, to: NodeId, e: Envelope) -> Result<(), SendError> {
        let net = self.0.0.lock().unwrap();
        if net.up.get(&self.1).is_none_or(|(i, ..)| *i != self.2) {
            return Err(SendError::Unreachable);
        }
        if net.cut.contains(&(self.1, to)) {
            return Ok(());
        }
        net.up.get(&to).ok_or(SendError::Unreachable)?.2.send((self.1, e)).map_err(|_| SendError::Unreachable)
    }
    fn peers(&self) -> Vec<PeerView> {
        vec![]
    }
}
#[derive(Default)]
pub(crate) struct RingJournal(Mutex<Vec<troupe_runtime::observe::Lifecycle>>);
impl troupe_runtime::observe::Journal for RingJournal {
    fn record(&self, r: troupe_runtime::observe::Lifecycle) {
        self.0.lock().unwrap().push(r)
    }
    fn newest(&self, l: usize) -> Vec<troupe_runtime::observe::Lifecycle> {
        self.0.lock().unwrap().iter().rev().take(l).cloned().collect()
    }
}
