//! The parts from which a replica is opened.

use std::sync::Arc;

use super::config::ShardConfig;
use crate::entity::{Globals, Registry};
use crate::replication::{RaftConfig, Start};
use crate::storage::Store;

/// The parts from which a replica is opened.
pub struct ReplicaParts {
    /// The group's membership, id and log.
    pub start: Start,
    /// Data shards of the cluster.
    pub shards: u32,
    /// Kinds it can run.
    pub registry: Arc<Registry>,
    /// Store of its checkpoints.
    pub store: Arc<dyn Store>,
    /// The node's view of the control group; the control group's own replica writes it.
    pub globals: Arc<Globals>,
    /// Timing of Raft.
    pub raft: RaftConfig,
    /// Bounds.
    pub shard: ShardConfig,
    /// Start of the random seeds given to entities.
    pub seed: u64,
}
