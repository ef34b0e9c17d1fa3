//! `[raft]` in `cluster.toml`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::{Problem, Section};
use crate::planted::Planted;

/// Timing and bounds of the Raft groups; the same on every node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RaftConfig {
    /// Length of one tick of the Raft clock.
    #[serde(with = "humantime_serde")]
    pub tick: Duration,
    /// Ticks between a leader's heartbeats.
    pub heartbeat_ticks: u16,
    /// Ticks without a leader after which the first replica stands for election; the others follow at intervals of 6
    /// ticks.
    pub election_ticks: u16,
    /// Append messages in flight from a leader to a follower before it waits for an answer.
    pub inflight_messages_max: u16,
    /// Largest append message, in bytes.
    pub append_bytes_max: u64,
    /// Entries kept behind a checkpoint, so that a replica with a small lag needs no snapshot.
    pub log_kept_entries: u64,
    /// Bytes of these entries, in each shard. Bounds the log in memory after each checkpoint.
    pub log_kept_bytes: u64,
    /// Largest snapshot of one shard, in bytes.
    pub snapshot_bytes_max: u64,
    /// Rate limit of a snapshot, in bytes a second, so that other traffic does not wait for it.
    pub snapshot_bytes_per_s: u64,
    /// A bug planted on purpose; unknown to a build without the feature.
    #[doc(hidden)]
    #[cfg_attr(feature = "planted", serde(skip_serializing_if = "Planted::is_nothing"))]
    #[cfg_attr(not(feature = "planted"), serde(skip))]
    pub planted: Planted,
}

impl Default for RaftConfig {
    fn default() -> Self {
        Self {
            tick: Duration::from_millis(25),
            heartbeat_ticks: 4,
            election_ticks: 20,
            inflight_messages_max: 64,
            append_bytes_max: 256 << 10,
            log_kept_entries: 2_000,
            log_kept_bytes: 1 << 20,
            snapshot_bytes_max: 256 << 20,
            snapshot_bytes_per_s: 8 << 20,
            planted: Planted::NONE,
        }
    }
}

impl Section for RaftConfig {
    fn validate(&self, path: &str, problems: &mut Vec<Problem>) {
        let mut bad = |key: &str, what: &str| problems.push(Problem::new(format!("{path}.{key}"), what));
        if self.tick < Duration::from_millis(5) || self.tick > Duration::from_secs(1) {
            bad("tick", "must be 5 ms to 1 s");
        }
        if self.heartbeat_ticks == 0 {
            bad("heartbeat_ticks", "must be at least 1");
        }
        if u32::from(self.election_ticks) < 3 * u32::from(self.heartbeat_ticks).max(1) {
            bad(
                "election_ticks",
                "must be at least 3 heartbeat_ticks, or a delayed heartbeat starts an election",
            );
        }
        if self.inflight_messages_max == 0 {
            bad("inflight_messages_max", "must be at least 1");
        }
        if !(4096..=(4 << 20)).contains(&self.append_bytes_max) {
            bad("append_bytes_max", "must be 4096 to 4194304");
        }
        // Half of the decoding limit: keys, lengths and the shard's record come on top.
        if !((1 << 20)..=(1 << 29)).contains(&self.snapshot_bytes_max) {
            bad("snapshot_bytes_max", "must be 1048576 to 536870912");
        }
        if self.snapshot_bytes_per_s < 1 << 20 {
            bad("snapshot_bytes_per_s", "must be at least 1048576");
        }
    }
}
