//! Options of a simulation.

use std::time::Duration;

use super::plan::Group;
use crate::planted::Planted;
use crate::replication::RaftConfig;
use crate::shard::ShardConfig;

/// The size of a simulated cluster, and its faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Nodes, 1 to 9.
    pub nodes: u16,
    /// Data shards, without the control group.
    pub shards: u32,
    /// Replicas of a data shard; the control group has one on every node.
    pub replicas: u16,
    /// Simulated seconds under faults; the time after the heal is added.
    pub seconds: u64,
    /// Clients, each with one call at a time.
    pub clients: u16,
    /// Deadline of a client's call, in milliseconds.
    pub call_ms: u64,
    /// Enabled groups of faults.
    pub faults: Vec<Group>,
    /// Whether the simulation also reads followers, sends queries that panic and sets timers.
    pub bystanders: bool,
    /// The planted bug to catch.
    pub planted: Planted,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            nodes: 5,
            shards: 8,
            replicas: 3,
            seconds: 20,
            clients: 8,
            call_ms: 6_000,
            faults: Group::ALL.to_vec(),
            bystanders: true,
            planted: Planted::NONE,
        }
    }
}

impl Options {
    /// All invalid options.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut bad = |is_bad: bool, what: &str| {
            if is_bad {
                problems.push(what.to_owned());
            }
        };
        bad(!(1..=9).contains(&self.nodes), "nodes must be 1 to 9");
        bad(!(1..=256).contains(&self.shards), "shards must be 1 to 256");
        bad(!(1..=self.nodes.max(1)).contains(&self.replicas), "replicas must be 1 to the number of nodes");
        bad(!(1..=3_600).contains(&self.seconds), "seconds must be 1 to 3600");
        bad(!(1..=64).contains(&self.clients), "clients must be 1 to 64");
        bad(!(1..=60_000).contains(&self.call_ms), "call_ms must be 1 to 60000");
        problems
    }

    /// Initial nodes of the shard.
    pub(super) fn placement(&self, shard: u32) -> Vec<u16> {
        let count = u32::from(self.nodes);
        let replicas = if shard == 0 { self.nodes } else { self.replicas };
        let mut nodes: Vec<u16> =
            (0..u32::from(replicas)).map(|at| u16::try_from((shard + at) % count + 1).unwrap_or(1)).collect();
        nodes.sort_unstable();
        nodes
    }

    pub(super) fn raft(&self) -> RaftConfig {
        // Short logs, so that a node that was away needs a snapshot.
        RaftConfig {
            log_kept_entries: 32,
            snapshot_bytes_per_s: 1 << 30,
            planted: self.planted,
            ..RaftConfig::default()
        }
    }

    pub(super) fn shard(&self) -> ShardConfig {
        // Small bounds, so that runs reach them.
        ShardConfig {
            mailbox_asks_max: 256,
            batch_commands_max: 64,
            outbox_effects_max: 64,
            outbox_unacked_max: 16,
            checkpoint_every: Duration::from_secs(1),
            passivate_after: Duration::from_secs(3),
            rebalance_after: Duration::from_secs(4),
            recent_messages_max: 4,
            planted: self.planted,
            ..ShardConfig::default()
        }
    }
}
