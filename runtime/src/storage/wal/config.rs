//! `[wal]` in `cluster.toml`.

use serde::{Deserialize, Serialize};

use crate::config::{Problem, Section};
use crate::planted::Planted;

/// When a record counts as durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sync {
    /// When the disk has confirmed the sync.
    Fsync,
    /// When the operating system has it. A power loss of a majority of nodes at once can then lose acknowledged
    /// writes.
    Replicated,
}

/// The write-ahead log's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WalConfig {
    /// Size of a segment, in bytes.
    pub segment_bytes: u64,
    /// Appends that wait for the writer; at the bound a shard's actor fails and restarts.
    pub queue_appends_max: usize,
    /// When a record counts as durable: `fsync` or `replicated`.
    pub sync: Sync,
    /// A bug planted on purpose; a build without the feature has no such key.
    #[doc(hidden)]
    #[cfg_attr(feature = "planted", serde(skip_serializing_if = "Planted::is_nothing"))]
    #[cfg_attr(not(feature = "planted"), serde(skip))]
    pub planted: Planted,
}

impl Default for WalConfig {
    fn default() -> Self {
        Self { segment_bytes: 16 << 20, queue_appends_max: 16_384, sync: Sync::Fsync, planted: Planted::NONE }
    }
}

impl Section for WalConfig {
    fn validate(&self, path: &str, problems: &mut Vec<Problem>) {
        if !((1 << 20)..=(1 << 30)).contains(&self.segment_bytes) {
            problems.push(Problem::new(format!("{path}.segment_bytes"), "must be 1048576 to 1073741824"));
        }
        if self.queue_appends_max < 64 {
            problems.push(Problem::new(format!("{path}.queue_appends_max"), "must be at least 64"));
        }
    }
}
