//! The replicated state machine: the Raft group, the entities folded from its log, and the checkpoints behind it.

use raft::eraftpb::{Entry, EntryType};

use super::cells::{Cells, META_KEY};
use super::checkpoints::{Checkpoints, Ended};
use super::entities::{Counters, Entities, Tail, batch_of};
use super::entry::LentItem;
use super::faults::Faults;
use super::output::{CheckpointEnd, CheckpointJob};
use super::parts::ReplicaParts;
use super::shard_meta::{ShardMeta, decode_meta, encode_meta};
use super::sink::Sink;
use crate::address::{Address, NodeId, ShardId};
use crate::replication::{Group, Mono, SnapshotMark};
use crate::storage::Record;

/// The group of one replica, and the state that its committed entries fold to.
pub(super) struct StateMachine {
    pub(super) group: Group,
    pub(super) entities: Entities,
    /// The last entry applied.
    pub(super) applied: u64,
    pub(super) checkpoints: Checkpoints,
    /// Bytes a second at which snapshots are sent.
    pub(super) snapshot_pace: u64,
}

impl StateMachine {
    /// Opens what survived: the checkpoint in the store, then the log after it.
    pub(super) fn open(parts: ReplicaParts, now: Mono) -> Result<Self, String> {
        let ReplicaParts { mut start, shards, registry, store, globals, raft, shard: config, seed } = parts;
        let shard = start.shard;
        let stored = store.get(shard, META_KEY).map_err(|error| error.to_string())?;
        let mut meta = ShardMeta::default();
        if let Some(bytes) = stored {
            (start.mark, meta) = decode_meta(&bytes)?;
        }
        let group = Group::start(start, &raft)?;
        let checkpoint = group.log().mark().index;
        Ok(Self {
            group,
            applied: checkpoint,
            checkpoints: Checkpoints::new(checkpoint, now, shard, shards, &config),
            snapshot_pace: raft.snapshot_bytes_per_s,
            entities: Entities {
                shard,
                shards,
                cells: Cells::new(shard, registry.clone(), store.clone()),
                registry,
                store,
                globals,
                config,
                meta,
                faults: Faults::default(),
                counters: Counters::default(),
                seed,
                passivated_at: now,
            },
        })
    }

    /// Folds a committed entry of another leader. Adds the control entities that it changed to `changed`.
    pub(super) fn apply(
        &mut self,
        entry: &Entry,
        now: Mono,
        changed: &mut Vec<Address>,
        sink: &mut Sink,
    ) -> Result<(), String> {
        if entry.get_entry_type() != EntryType::EntryNormal {
            self.group.apply_change(entry)?;
            let members = self.group.members();
            // A learner is sent a snapshot only if that snapshot's membership lists it.
            self.checkpoints.want();
            let reason = format!("voters {:?}, learners {:?}", members.voters, members.learners);
            sink.note("members_changed", reason);
            return Ok(());
        }
        let Some(batch) = batch_of(entry)? else { return Ok(()) };
        self.entities.fold_items(&batch, entry.index, now)?;
        if self.group.shard() == ShardId::CONTROL {
            changed.extend(batch.items.iter().filter(|item| !item.events.is_empty()).map(LentItem::to));
        }
        self.entities.fold_meta(entry.index, batch.into_meta());
        Ok(())
    }

    /// Drops all state that the store's checkpoint does not cover and refolds the committed log.
    pub(super) fn rebuild(&mut self) -> Result<(), String> {
        let covered = self.checkpoints.covered();
        let from = self.entities.return_to_checkpoint(covered)?;
        for entry in self.group.entries(covered + 1, self.applied) {
            let Some(batch) = batch_of(&entry)? else { continue };
            self.entities.fold_items(&batch, entry.index, 0)?;
            if entry.index > from {
                self.entities.fold_meta(entry.index, batch.into_meta());
            }
        }
        Ok(())
    }

    /// The entities, and the log behind the checkpoint from which one of them can be rebuilt. Entries that are not
    /// applied count only on a leader that decides: they are its own. Elsewhere another leader's may replace them.
    pub(super) fn with_tail(&mut self, decides: bool) -> (&mut Entities, Tail<'_>) {
        let last = if decides { self.group.last() } else { self.applied };
        (&mut self.entities, Tail::new(&self.group, self.checkpoints.covered(), last))
    }

    fn log_bytes(&self) -> u64 {
        self.group.log().bytes() as u64
    }

    /// Whether commands must be refused until a checkpoint succeeds.
    pub(super) fn is_log_full(&self) -> bool {
        self.checkpoints.blocks_commands(self.log_bytes())
    }

    /// Whether the clock finds nothing to do now that takes long: no checkpoint and no passivation.
    pub(super) fn is_quick(&self, now: Mono) -> bool {
        let checkpoints = self.checkpoints.is_wanted() || self.checkpoint_is_due(now);
        !checkpoints && !self.entities.passivates(now)
    }

    /// Whether time or log size ask for a checkpoint.
    fn checkpoint_is_due(&self, now: Mono) -> bool {
        self.checkpoints.is_due(self.applied, self.log_bytes(), now)
    }

    /// Takes a checkpoint when one is due or a follower needs a snapshot, and nothing speculative is resident
    /// (`settled`).
    pub(super) fn checkpoint_if_due(&mut self, now: Mono, settled: bool, sink: &mut Sink) {
        let behind = self.group.snapshot_wanted();
        if self.checkpoint_is_due(now) || behind {
            self.checkpoints.want();
        }
        if !self.checkpoints.begin(now, settled) {
            return;
        }
        let mark = SnapshotMark {
            index: self.applied,
            term: self.group.term_of(self.applied),
            members: self.group.members(),
        };
        let entities = self.entities.cells.changed_after(self.checkpoints.covered());
        let meta = encode_meta(&mark, &self.entities.meta);
        self.checkpoints.pend(mark.clone());
        let (shard, epoch) = (self.group.shard(), self.checkpoints.epoch());
        sink.out.checkpoint = Some(CheckpointJob { shard, mark, entities, meta, epoch });
    }

    /// The checkpoint is durable, or could not be written. The log behind it is cut only once one is durable.
    pub(super) fn checkpointed(&mut self, end: CheckpointEnd, sink: &mut Sink) {
        match self.checkpoints.end(end) {
            Some(Ended::Durable { mark, recovered }) => {
                if recovered {
                    sink.note("checkpoint_works_again", format!("up to entry {}", mark.index));
                }
                sink.out.covered = Some((mark.index, mark.term));
                if let Some(cut) = self.group.checkpointed(mark) {
                    sink.out.append.push((0, vec![cut]));
                }
            }
            Some(Ended::Failed { error, failures }) if failures.is_power_of_two() => {
                sink.note("checkpoint_failed", format!("{error} ({failures} in a row)"));
            }
            Some(Ended::Failed { .. }) | None => {}
        }
    }

    /// First records of this replica's log: that the replica exists, if it is `fresh`, and where its log begins. The
    /// latter is also recorded for a log without the checkpoint's last entry: a crash came between the store's part of
    /// a snapshot and the log's part, and the next entry would not follow the log.
    pub(super) fn first_records(&self, fresh: bool) -> Vec<Record> {
        let SnapshotMark { index, term, .. } = *self.group.log().mark();
        let replica = fresh.then_some(Record::Replica { id: self.group.id().0 });
        let begins = fresh && index > 0 || self.group.begins_at_mark();
        replica.into_iter().chain(begins.then_some(Record::Reset { index, term })).collect()
    }

    /// The node of the known leader.
    pub(super) fn leader(&self) -> Option<NodeId> {
        self.group.leader().map(crate::replication::ReplicaId::node)
    }

    /// The known leader as the hint of a `NotLeader` rejection.
    pub(super) fn hint(&self) -> Option<u16> {
        self.leader().map(|node| node.0)
    }
}
