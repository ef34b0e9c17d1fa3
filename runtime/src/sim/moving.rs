//! Replicas that the target membership moves: a simulated node starts new replicas and stops removed ones.

use super::disk::Waits;
use super::network::Mail;
use super::node::Node;
use super::shared::Shared;
use super::slot::Slot;
use crate::membership::Cluster;
use crate::replication::ReplicaId;
use crate::storage::{Record, Store as _};
use crate::{NodeId, ShardId};

impl Node {
    /// Follows the target membership: asks for admission where a replica is missing, and for the standing of a replica
    /// that is not in the target or knows no leader.
    pub(super) fn follow_target(&mut self, s: &mut Shared) {
        let Some(cluster) = self.globals.get::<Cluster>(Cluster::KEY) else { return };
        for shard in (0..=s.options.shards).map(ShardId) {
            let Some(target) = cluster.target(shard) else { return };
            let slot = self.replicas.slot_mut(shard);
            let id = slot.replica.as_ref().map(|replica| replica.probe().id);
            // The control group stays on its first nodes: the simulation has no learners of it.
            let holds = match shard {
                ShardId::CONTROL => s.placement[0].contains(&self.number),
                _ => target.holds(NodeId(self.number)),
            };
            // A removed replica knows no leader, even if the target names this node again.
            let strayed = !holds || slot.leader.is_none();
            match (holds, id) {
                (true, None) if slot.rejoin.is_none() && !slot.restarting && !self.disk.full => {
                    let synced = self.disk.sync_all();
                    self.notify(synced, s);
                    self.find(shard, s);
                }
                (false, None) if slot.rejoin.as_ref().is_some_and(|rejoin| !rejoin.recording) => {
                    slot.rejoin = None;
                }
                (_, Some(id)) if strayed => {
                    self.outbox.post_to_peers(&s.known[shard.0 as usize], &Mail::IsMember(shard, id));
                }
                _ => {}
            }
        }
    }

    /// A leader reports that a replica of this node is not a member.
    pub(super) fn removed(&mut self, shard: ShardId, id: ReplicaId, term: u64, s: &mut Shared) {
        if !self.replicas.slot(shard).believes_removal(id, term) || self.disk.full {
            return;
        }
        *self.replicas.slot_mut(shard) = Slot::default();
        s.watch.moved += 1;
        if self.append(shard, vec![Record::Gone], Waits::Leaving) {
            self.left(shard);
        }
    }

    /// The log has recorded that the replica is gone: clears its store.
    pub(super) fn left(&mut self, shard: ShardId) {
        // A store that cannot be cleared now is cleared before the next replica starts.
        let _ = self.disk.store.clear(shard);
    }
}
