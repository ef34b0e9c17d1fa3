//! `[shard]` in `cluster.toml`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::{Problem, Section};
use crate::planted::Planted;

/// Bounds of one shard's replica; the same on every node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShardConfig {
    /// Requests waiting in a shard's mailbox; one more is rejected with `Busy` (backpressure).
    pub mailbox_asks_max: u32,
    /// Bytes of these requests.
    pub mailbox_bytes_max: u64,
    /// Commands decided into one entry.
    pub batch_commands_max: u32,
    /// Bytes of one entry after which no further command is added to it.
    pub batch_bytes_max: u32,
    /// Entries proposed and not yet committed. At the bound requests wait, and gather into larger entries.
    pub inflight_entries_max: u16,
    /// Effects waiting in the outbox; at the bound, commands are rejected with `Busy`.
    pub outbox_effects_max: u32,
    /// Effects sent to one shard and not yet acknowledged by it.
    pub outbox_unacked_max: u32,
    /// Time without an acknowledgement after which effects are resent.
    #[serde(with = "humantime_serde")]
    pub effect_resend_after: Duration,
    /// Answers kept for idempotency keys, in each shard.
    pub answers_kept_max: u32,
    /// Retention of these answers.
    #[serde(with = "humantime_serde")]
    pub answers_kept_for: Duration,
    /// Timers that one entity may have set.
    pub timers_of_entity_max: u32,
    /// Timers that a shard's entities may have set.
    pub timers_max: u32,
    /// Rate limit of timers in one shard; timers due beyond it wait.
    pub timers_per_second: u32,
    /// Time between checkpoints of a shard that changes.
    #[serde(with = "humantime_serde")]
    pub checkpoint_every: Duration,
    /// Log bytes that force an earlier checkpoint.
    pub checkpoint_log_bytes: u64,
    /// Idle time after which an entity is passivated.
    #[serde(with = "humantime_serde")]
    pub passivate_after: Duration,
    /// Resident bytes of entities on one node, divided evenly among its shards. Beyond it the longest idle entities are
    /// passivated.
    pub resident_bytes_max: u64,
    /// Newest messages kept in each shard for the console.
    pub recent_messages_max: u32,
    /// Time that a shard is led by another node than the preferred one before leadership is transferred back.
    #[serde(with = "humantime_serde")]
    pub rebalance_after: Duration,
    /// A bug planted on purpose; unknown to a build without the feature.
    #[doc(hidden)]
    #[cfg_attr(feature = "planted", serde(skip_serializing_if = "Planted::is_nothing"))]
    #[cfg_attr(not(feature = "planted"), serde(skip))]
    pub planted: Planted,
}

impl Default for ShardConfig {
    fn default() -> Self {
        Self {
            mailbox_asks_max: 8_192,
            mailbox_bytes_max: 16 << 20,
            batch_commands_max: 1_024,
            batch_bytes_max: 256 << 10,
            inflight_entries_max: 4,
            outbox_effects_max: 100_000,
            outbox_unacked_max: 8_192,
            effect_resend_after: Duration::from_millis(500),
            answers_kept_max: 4_096,
            answers_kept_for: Duration::from_secs(600),
            timers_of_entity_max: 64,
            timers_max: 1_000_000,
            timers_per_second: 10_000,
            checkpoint_every: Duration::from_secs(5),
            checkpoint_log_bytes: 8 << 20,
            passivate_after: Duration::from_secs(600),
            resident_bytes_max: 2 << 30,
            recent_messages_max: 2_048,
            rebalance_after: Duration::from_secs(15),
            planted: Planted::NONE,
        }
    }
}

impl Section for ShardConfig {
    fn validate(&self, path: &str, problems: &mut Vec<Problem>) {
        let mut bad = |key: &str, what: &str| problems.push(Problem::new(format!("{path}.{key}"), what));
        for (key, value) in [
            ("mailbox_asks_max", u64::from(self.mailbox_asks_max)),
            ("mailbox_bytes_max", self.mailbox_bytes_max),
            ("batch_commands_max", u64::from(self.batch_commands_max)),
            ("inflight_entries_max", u64::from(self.inflight_entries_max)),
            ("outbox_effects_max", u64::from(self.outbox_effects_max)),
            ("outbox_unacked_max", u64::from(self.outbox_unacked_max)),
            ("answers_kept_max", u64::from(self.answers_kept_max)),
            ("timers_of_entity_max", u64::from(self.timers_of_entity_max)),
            ("timers_max", u64::from(self.timers_max)),
            ("timers_per_second", u64::from(self.timers_per_second)),
            ("resident_bytes_max", self.resident_bytes_max),
        ] {
            if value == 0 {
                bad(key, "must be at least 1");
            }
        }
        if !(1024..=(1 << 20)).contains(&self.batch_bytes_max) {
            bad("batch_bytes_max", "must be 1024 to 1048576, so that an entry fits a frame");
        }
        for (key, value) in [
            ("effect_resend_after", self.effect_resend_after),
            ("answers_kept_for", self.answers_kept_for),
            ("checkpoint_every", self.checkpoint_every),
            ("passivate_after", self.passivate_after),
            ("rebalance_after", self.rebalance_after),
        ] {
            if value < Duration::from_millis(50) {
                bad(key, "must be at least 50 ms");
            }
        }
    }
}
