//! What a replica wants done by the world around it.

use std::any::Any;
use std::sync::Arc;

use super::cells::LEDGER_KEY;
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
    /// What it covers.
    pub mark: SnapshotMark,
    /// Changed entities.
    pub entities: Vec<(Vec<u8>, Vec<u8>)>,
    /// The ledger, which vouches for them.
    pub ledger: Vec<u8>,
    pub(super) epoch: Epoch,
}

/// How a checkpoint ended.
#[derive(Debug, Clone)]
pub struct CheckpointEnd {
    pub(super) epoch: Epoch,
    pub(super) outcome: Result<(), StoreError>,
}

impl CheckpointJob {
    /// Writes it, unless its state was replaced meanwhile. The ledger goes last and apart, because a failing engine or a
    /// crash may leave a part of a batch, and a ledger without its entities would be a loss; entities that are ahead of
    /// their ledger know which entries they hold.
    #[must_use]
    pub fn write(self, store: &dyn Store) -> CheckpointEnd {
        let Self { shard, entities, ledger, epoch, .. } = self;
        let written = epoch.write(|| {
            if !entities.is_empty() {
                store.write(shard, StoreBatch { puts: entities, deletes: Vec::new() })?;
            }
            store.write(shard, ledger_batch(ledger))
        });
        // Nobody asks for the outcome of one whose state has ended.
        CheckpointEnd { outcome: written.unwrap_or(Ok(())), epoch }
    }

    /// Ends it unwritten.
    #[must_use]
    pub fn fail(self, error: StoreError) -> CheckpointEnd {
        CheckpointEnd { epoch: self.epoch, outcome: Err(error) }
    }
}

/// The batch that makes a checkpoint of the entities before it.
pub(super) fn ledger_batch(ledger: Vec<u8>) -> StoreBatch {
    StoreBatch { puts: vec![(LEDGER_KEY.to_vec(), ledger)], deletes: Vec::new() }
}

/// A snapshot to read from the store and send.
#[derive(Debug, Clone)]
pub struct SnapshotJob {
    /// The shard.
    pub shard: ShardId,
    /// Who needs it.
    pub to: ReplicaId,
    /// The Raft message it completes, encoded.
    pub message: Vec<u8>,
}

/// Something worth a line in the lifecycle journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Of what.
    pub subject: String,
    /// What happened to it.
    pub change: &'static str,
    /// Why.
    pub reason: String,
}

/// A control entity's new state, for [`crate::entity::Globals`].
pub type Published = (&'static str, String, Arc<dyn Any + Send + Sync>);

/// Everything one turn of a replica asks for, in the order in which it is to be done.
#[derive(Default)]
pub struct Outputs {
    /// Records to append; the replica must be told when they are durable. Number and records.
    pub append: Vec<(u64, Vec<Record>)>,
    /// Encoded Raft messages, by node.
    pub messages: Vec<(NodeId, Vec<u8>)>,
    /// Finished requests.
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
