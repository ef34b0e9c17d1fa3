//! Outputs of a replica: work for the shell around it.

use std::any::Any;
use std::sync::Arc;

use super::cells::META_KEY;
use super::fence::Epoch;
use crate::address::{NodeId, ShardId};
use crate::replication::{ReplicaId, SnapshotMark};
use crate::storage::{Record, Store, StoreBatch, StoreError};
use crate::transport::{EffectBatch, Outcome};

/// A checkpoint to write, off the shard's turn.
#[derive(Debug, Clone)]
pub struct CheckpointJob {
    /// The shard.
    pub shard: ShardId,
    /// The entries that it covers.
    pub mark: SnapshotMark,
    /// Changed entities.
    pub entities: Vec<(Vec<u8>, Vec<u8>)>,
    /// The shard's own record: it makes the entities count as a checkpoint.
    pub meta: Vec<u8>,
    pub(super) epoch: Epoch,
}

/// How a checkpoint ended.
#[derive(Debug, Clone)]
pub struct CheckpointEnd {
    pub(super) epoch: Epoch,
    pub(super) outcome: Result<(), StoreError>,
}

impl CheckpointJob {
    /// Writes it unless its state was replaced meanwhile. The shard's record is written last and in a batch of its own,
    /// because a failing engine or a crash may leave part of a batch. A record without its entities would lose data;
    /// entities ahead of their record know which entries they hold.
    #[must_use]
    pub fn write(self, store: &dyn Store) -> CheckpointEnd {
        let Self { shard, entities, meta, epoch, .. } = self;
        let written = epoch.write(|| {
            if !entities.is_empty() {
                store.write(shard, StoreBatch { puts: entities, deletes: Vec::new() })?;
            }
            store.write(shard, meta_batch(meta))
        });
        // The outcome of a checkpoint of an ended state is ignored.
        CheckpointEnd { outcome: written.unwrap_or(Ok(())), epoch }
    }

    /// Ends it without writing it.
    #[must_use]
    pub fn fail(self, error: StoreError) -> CheckpointEnd {
        CheckpointEnd { epoch: self.epoch, outcome: Err(error) }
    }
}

/// The batch that makes a checkpoint of the entities before it.
pub(super) fn meta_batch(meta: Vec<u8>) -> StoreBatch {
    StoreBatch { puts: vec![(META_KEY.to_vec(), meta)], deletes: Vec::new() }
}

/// A snapshot to read from the store and send.
#[derive(Debug, Clone)]
pub struct SnapshotJob {
    /// The shard.
    pub shard: ShardId,
    /// The replica that needs it.
    pub to: ReplicaId,
    /// The Raft message it completes, encoded.
    pub message: Vec<u8>,
}

/// A line for the lifecycle journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The shard or entity.
    pub subject: String,
    /// The kind of change.
    pub change: &'static str,
    /// The reason for it.
    pub reason: String,
}

/// A control entity's new state, for [`crate::entity::Globals`].
pub type Published = (&'static str, String, Arc<dyn Any + Send + Sync>);

/// Everything that one turn of a replica asks for, in the order in which to do it.
#[derive(Default)]
pub struct Outputs {
    /// Records to append: number and records. Call `Replica::persisted` with the number once they are durable.
    pub append: Vec<(u64, Vec<Record>)>,
    /// Encoded Raft messages, by node.
    pub messages: Vec<(NodeId, Vec<u8>)>,
    /// Finished requests: token and outcomes.
    pub answers: Vec<(u64, Vec<Outcome>)>,
    /// Effects to deliver.
    pub effects: Vec<EffectBatch>,
    /// Effects taken: sending shard and number.
    pub taken: Vec<(ShardId, u64)>,
    /// An entry that a durable checkpoint covers, and its term.
    pub covered: Option<(u64, u64)>,
    /// A checkpoint to write.
    pub checkpoint: Option<CheckpointJob>,
    /// Snapshots to send.
    pub snapshots: Vec<SnapshotJob>,
    /// States for the node's globals.
    pub published: Vec<Published>,
    /// Lines for the journal.
    pub notes: Vec<Note>,
}
