//! What a replica wants done by the world around it.

use std::any::Any;
use std::sync::Arc;

use crate::address::{NodeId, ShardId};
use crate::replication::{ReplicaId, SnapshotMark};
use crate::storage::{Record, StoreBatch};
use crate::transport::{EffectBatch, Outcome};

/// A checkpoint to write: atomic, off the shard's turn.
#[derive(Debug, Clone)]
pub struct CheckpointJob {
    /// The shard.
    pub shard: ShardId,
    /// What it covers.
    pub mark: SnapshotMark,
    /// Changed entities and the ledger.
    pub batch: StoreBatch,
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
    /// A checkpoint to write.
    pub checkpoint: Option<CheckpointJob>,
    /// Snapshots to send.
    pub snapshots: Vec<SnapshotJob>,
    /// States for the node's globals.
    pub published: Vec<Published>,
    /// Lines for the journal.
    pub notes: Vec<Note>,
}
