//! The spec of a runtime.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::identity::Facts;
use crate::address::{NodeId, ShardId};
use crate::config::{Problem, Section};
use crate::node_spec::NodeSpec;
use crate::placement::{PlacementConfig, initial_placement};
use crate::replication::RaftConfig;
use crate::shard::{Append, ShardConfig};
use crate::storage::{GroupLog, Store};

/// Largest number of shards; each is a Raft group with its own clock.
const SHARDS_MAX: u32 = 4_096;

/// The runtime's tables of `cluster.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuntimeConfig {
    /// Number of data shards. Fixed at bootstrap, because addresses are mapped to shards by it.
    pub shards: u32,
    /// Timing and bounds of Raft.
    pub raft: RaftConfig,
    /// Bounds of a shard.
    pub shard: ShardConfig,
    /// Placement of replicas.
    pub placement: PlacementConfig,
}

impl Default for RuntimeConfig {
    fn default() -> Self {
        Self {
            shards: 24,
            raft: RaftConfig::default(),
            shard: ShardConfig::default(),
            placement: PlacementConfig::default(),
        }
    }
}

impl Section for RuntimeConfig {
    fn validate(&self, path: &str, problems: &mut Vec<Problem>) {
        let under = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        if self.shards == 0 || self.shards > SHARDS_MAX {
            problems.push(Problem::new(under("shards"), format!("must be 1 to {SHARDS_MAX}")));
        }
        self.raft.validate(&under("raft"), problems);
        self.shard.validate(&under("shard"), problems);
        self.placement.validate(&under("placement"), problems);
    }
}

/// The settings of a node in its cluster.
#[derive(Debug, Clone)]
pub struct RuntimeSpec {
    /// The cluster's name.
    pub cluster: String,
    /// This node.
    pub here: NodeId,
    /// Changes at each start.
    pub incarnation: u64,
    /// Every configured node, this one included: the initial nodes of the cluster.
    pub nodes: Vec<NodeSpec>,
    /// Whether the node joins an existing cluster.
    pub joins: bool,
    /// Tables of the configuration.
    pub config: RuntimeConfig,
}

impl RuntimeSpec {
    /// Initial nodes of each shard, as this node knows them; empty for a node that joins an existing cluster.
    pub(super) fn founding(&self) -> Vec<Vec<NodeId>> {
        if self.joins {
            vec![Vec::new(); self.config.shards as usize + 1]
        } else {
            initial_placement(&self.nodes, self.config.shards, self.config.placement.replicas)
        }
    }
}

/// A node's open disk.
pub struct Disk {
    /// The write-ahead log.
    pub log: Arc<dyn Append>,
    /// Checkpoints.
    pub store: Arc<dyn Store>,
    /// The disk's identity.
    pub facts: Arc<dyn Facts>,
    /// Content of the log when it was opened.
    pub recovered: BTreeMap<ShardId, GroupLog>,
    /// Shards with a damaged log, and the damaged place.
    pub damaged: BTreeMap<ShardId, String>,
}
