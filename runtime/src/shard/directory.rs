//! Which shards this node has, and the leader of each as far as it is known.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::mailbox::{Mailbox, SystemInput};
use crate::address::{NodeId, ShardId};
use crate::locks::lock;
use crate::transport::{EffectBatch, Envelope, Transport};

/// No leader known.
const NOBODY: u32 = 0;

struct Place {
    mailbox: Option<Arc<Mailbox>>,
    leader: AtomicU32,
}

/// Places of all shards, by number, and the nodes that are about to stop.
pub struct Directory {
    places: Vec<Place>,
    /// Peers that have said so in their present session.
    stopping: Mutex<BTreeSet<NodeId>>,
}

impl Directory {
    /// A directory of the control group and `shards` data shards; `mailboxes` are this node's replicas.
    #[must_use]
    pub fn new(shards: u32, mailboxes: &[Arc<Mailbox>]) -> Self {
        let place = |shard| Place {
            mailbox: mailboxes.iter().find(|mailbox| mailbox.shard() == ShardId(shard)).cloned(),
            leader: AtomicU32::new(NOBODY),
        };
        Self { places: (0..=shards).map(place).collect(), stopping: Mutex::default() }
    }

    /// A peer stops: it must not be given leadership.
    pub fn stops(&self, node: NodeId) {
        self.stopping_nodes().insert(node);
    }

    /// A peer's session began or ended: what it said before does not count.
    pub fn forget_stop(&self, node: NodeId) {
        self.stopping_nodes().remove(&node);
    }

    /// Peers that stop.
    #[must_use]
    pub fn stopping(&self) -> BTreeSet<NodeId> {
        self.stopping_nodes().clone()
    }

    fn stopping_nodes(&self) -> MutexGuard<'_, BTreeSet<NodeId>> {
        lock(&self.stopping)
    }

    /// This node's mailbox of the shard.
    #[must_use]
    pub fn mailbox(&self, shard: ShardId) -> Option<&Arc<Mailbox>> {
        self.places.get(shard.0 as usize)?.mailbox.as_ref()
    }

    /// Every mailbox of this node.
    pub fn mailboxes(&self) -> impl Iterator<Item = &Arc<Mailbox>> {
        self.places.iter().filter_map(|place| place.mailbox.as_ref())
    }

    /// Every shard, the control group first.
    pub fn shards(&self) -> impl Iterator<Item = ShardId> + use<> {
        (0..u32::try_from(self.places.len()).unwrap_or(u32::MAX)).map(ShardId)
    }

    /// Whether a replica of the shard runs here.
    #[must_use]
    pub fn runs(&self, shard: ShardId) -> bool {
        self.mailbox(shard).is_some_and(|mailbox| mailbox.is_connected())
    }

    /// The node that leads the shard, as far as known.
    #[must_use]
    pub fn leader(&self, shard: ShardId) -> Option<NodeId> {
        let leader = self.places.get(shard.0 as usize)?.leader.load(Ordering::Relaxed);
        u16::try_from(leader).ok().filter(|node| *node != 0).map(NodeId)
    }

    /// Records the leader.
    pub fn set_leader(&self, shard: ShardId, leader: Option<NodeId>) {
        if let Some(place) = self.places.get(shard.0 as usize) {
            place.leader.store(leader.map_or(NOBODY, |node| u32::from(node.0)), Ordering::Relaxed);
        }
    }

    /// Shards whose leader is not known.
    #[must_use]
    pub fn leaderless(&self) -> Vec<ShardId> {
        self.shards().filter(|shard| self.leader(*shard).is_none()).collect()
    }

    /// Delivers effects to their shard's leader, here or elsewhere. Without one they are dropped: the sending shard
    /// keeps them and sends them again.
    pub fn send_effects(&self, transport: &dyn Transport, here: NodeId, batch: EffectBatch) {
        match self.leader(batch.to) {
            Some(leader) if leader == here => {
                if let Some(mailbox) = self.mailbox(batch.to) {
                    mailbox.system(SystemInput::Effects(batch));
                }
            }
            Some(leader) => {
                let _ = transport.send(leader, &Envelope::Effects(batch));
            }
            None => {}
        }
    }

    /// Passes on effects that reached a node that does not lead.
    pub fn forward_effects(&self, transport: &dyn Transport, here: NodeId, batch: EffectBatch) {
        if self.leader(batch.to).is_some_and(|leader| leader != here) {
            self.send_effects(transport, here, batch);
        }
    }

    /// Passes on an acknowledgement that reached a node that does not lead.
    pub fn forward_taken(
        &self,
        transport: &dyn Transport,
        here: NodeId,
        from: ShardId,
        by: ShardId,
        seq: u64,
    ) {
        if self.leader(from).is_some_and(|leader| leader != here) {
            self.send_taken(transport, here, from, by, seq);
        }
    }

    /// Tells the sending shard's leader how far its effects were taken.
    pub fn send_taken(&self, transport: &dyn Transport, here: NodeId, from: ShardId, by: ShardId, seq: u64) {
        match self.leader(from) {
            Some(leader) if leader == here => {
                if let Some(mailbox) = self.mailbox(from) {
                    mailbox.system(SystemInput::Taken { by, seq });
                }
            }
            Some(leader) => {
                let _ = transport.send(leader, &Envelope::EffectsTaken { from, to: by, seq });
            }
            None => {}
        }
    }
}
