//! A simulated node and where shards shall live: replicas that come, and replicas that go.

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
    /// Looks at what is wished: asks to be taken in where a replica is to be here, and how it stands where none is.
    pub(super) fn follow_wishes(&mut self, s: &mut Shared) {
        let Some(cluster) = self.globals.get::<Cluster>(Cluster::KEY) else { return };
        for shard in (0..=s.options.shards).map(ShardId) {
            let Some(wishes) = cluster.wishes(shard) else { return };
            let slot = &mut self.slots[shard.0 as usize];
            let id = slot.replica.as_ref().map(|replica| replica.probe().id);
            // The control group is nowhere but where it was founded: no node here only listens to it.
            let holds = match shard {
                ShardId::CONTROL => s.placement[0].contains(&self.number),
                _ => wishes.holds(NodeId(self.number)),
            };
            // A removed replica hears of no leader, also where another is wished for by now.
            let strayed = !holds || slot.leader.is_none();
            match (holds, id) {
                (true, None) if slot.rejoin.is_none() && !slot.restarting && !self.disk.full => {
                    let told = self.disk.sync_all();
                    self.tell(told, s);
                    self.find(shard, s);
                }
                (false, None) if slot.rejoin.as_ref().is_some_and(|rejoin| !rejoin.recording) => {
                    slot.rejoin = None;
                }
                (_, Some(id)) if strayed => {
                    let known = s.known[shard.0 as usize].iter().copied();
                    let peers: Vec<u16> = known.filter(|peer| *peer != self.number).collect();
                    for peer in peers {
                        self.post(peer, Mail::IsMember(shard, id));
                    }
                }
                _ => {}
            }
        }
    }

    /// A leader says that a replica of this node is no member: of no later term than its own, it is believed.
    pub(super) fn removed(&mut self, shard: ShardId, id: ReplicaId, term: u64, s: &mut Shared) {
        let believed = self.replica(shard).is_some_and(|replica| {
            let probe = replica.probe();
            probe.id == id && term >= probe.term && !probe.leads
        });
        if !believed || self.disk.full {
            return;
        }
        self.slots[shard.0 as usize] = Slot::default();
        s.watch.moved += 1;
        if self.append(shard, vec![Record::Gone], Waits::Leaving) {
            self.left(shard);
        }
    }

    /// The log says that the replica is gone; what is left of it is nobody's.
    pub(super) fn left(&mut self, shard: ShardId) {
        // One that cannot be cleared now is cleared before the next replica begins.
        let _ = self.disk.store.clear(shard);
    }
}
