//! The replicas of a simulated node.

use std::collections::BTreeSet;

use super::shared::Shared;
use super::slot::Slot;
use crate::ShardId;
use crate::shard::{CheckpointJob, Quiescence, Replica};

/// A slot for each shard, and the shards with work to do.
pub(super) struct Replicas {
    slots: Vec<Slot>,
    dirty: BTreeSet<u32>,
    opened: u64,
}

impl Replicas {
    pub(super) fn new(shards: u32) -> Self {
        Self { slots: (0..=shards).map(|_| Slot::default()).collect(), dirty: BTreeSet::new(), opened: 0 }
    }

    pub(super) fn slot(&self, shard: ShardId) -> &Slot {
        &self.slots[shard.0 as usize]
    }

    pub(super) fn slot_mut(&mut self, shard: ShardId) -> &mut Slot {
        &mut self.slots[shard.0 as usize]
    }

    pub(super) fn get(&self, shard: ShardId) -> Option<&Replica> {
        self.slot(shard).replica.as_ref()
    }

    /// Whether the node's replica leads the shard.
    pub(super) fn leads(&self, shard: ShardId) -> bool {
        self.get(shard).is_some_and(Replica::decides)
    }

    /// Puts an opened replica into its slot; it has work.
    pub(super) fn put(&mut self, shard: ShardId, replica: Replica) {
        self.opened += 1;
        *self.slot_mut(shard) = Slot { replica: Some(replica), opened: self.opened, ..Slot::default() };
        self.mark(shard);
    }

    /// Empties the slot of a replica that is started again later.
    pub(super) fn await_restart(&mut self, shard: ShardId) {
        *self.slot_mut(shard) = Slot { restarting: true, ..Slot::default() };
    }

    /// The process ends. Returns the checkpoints that were being written.
    pub(super) fn clear(&mut self) -> Vec<CheckpointJob> {
        self.dirty.clear();
        self.slots.iter_mut().filter_map(|slot| std::mem::take(slot).checkpoint).collect()
    }

    /// The replica of the shard has work.
    pub(super) fn mark(&mut self, shard: ShardId) {
        self.dirty.insert(shard.0);
    }

    /// The next shard with work.
    pub(super) fn next_marked(&mut self) -> Option<ShardId> {
        self.dirty.pop_first().map(ShardId)
    }

    /// Moves the Raft clock of all groups. All groups beat together; an idle group sees the clock at the beats only.
    pub(super) fn tick(&mut self, beat: bool, every: u16, now: u64) {
        for (at, slot) in self.slots.iter_mut().enumerate() {
            let Some(replica) = &mut slot.replica else { continue };
            slot.ticks += 1;
            if replica.quiescence().wakes_at(beat, slot.ticks, every) {
                let ticks = std::mem::take(&mut slot.ticks).min(Quiescence::ticks_max(every));
                replica.advance(ticks, beat, now);
                replica.step(&std::mem::take(&mut slot.unread));
                self.dirty.insert(u32::try_from(at).unwrap_or(0));
            }
        }
    }

    /// Takes Raft messages; those that do not wake the replica wait for its next turn.
    pub(super) fn receive(&mut self, shard: ShardId, messages: Vec<Vec<u8>>, now: u64, every: u16) {
        let slot = self.slot_mut(shard);
        let Some(quiescence) = slot.replica.as_ref().map(Replica::quiescence) else { return };
        if quiescence.wakes_for(&messages) {
            self.on(shard, now, every, |replica, _| replica.step(&messages));
        } else {
            slot.unread.extend(messages);
        }
    }

    /// The known leader of a shard, unless it is one of `nodes`.
    pub(super) fn other_leader(&self, shard: ShardId, nodes: [u16; 2]) -> Option<u16> {
        self.slot(shard).leader.map(|leader| leader.0).filter(|leader| !nodes.contains(leader))
    }

    /// Acts on a replica. Each turn counts the ticks before it and reads the messages before it first.
    pub(super) fn on(&mut self, shard: ShardId, now: u64, every: u16, act: impl FnOnce(&mut Replica, u64)) {
        let slot = self.slot_mut(shard);
        let Some(replica) = &mut slot.replica else { return };
        let ticks = std::mem::take(&mut slot.ticks).min(Quiescence::ticks_max(every));
        if ticks > 0 {
            replica.advance(ticks, false, now);
        }
        replica.step(&std::mem::take(&mut slot.unread));
        act(replica, now);
        self.mark(shard);
    }

    /// Transfers the leadership of every shard that is led here.
    pub(super) fn hand_over(&mut self) {
        for replica in self.slots.iter_mut().filter_map(|slot| slot.replica.as_mut()) {
            replica.hand_over(&BTreeSet::new());
        }
    }

    /// The leader known here. A node without a replica of the shard picks one of the nodes that may have one.
    pub(super) fn leader(&self, shard: ShardId, s: &mut Shared) -> Option<u16> {
        let slot = self.slot(shard);
        if slot.replica.is_some() {
            return slot.leader.map(|leader| leader.0);
        }
        let count = s.known[shard.0 as usize].len() as u64;
        let at = s.between(0, count.max(1));
        s.known[shard.0 as usize].get(usize::try_from(at).unwrap_or(0)).copied()
    }
}
