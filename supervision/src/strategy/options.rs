//! The options of one supervisor.

use std::time::Duration;

/// Which children the failure of one child affects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Only the failed child.
    OneForOne,
    /// All siblings: they depend on each other.
    OneForAll,
    /// The children started after it: each depends on those before.
    RestForOne,
}

/// The rules and bounds of one supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Which children the failure of one child affects.
    pub strategy: Strategy,
    /// Restarts allowed within `period`; at one more the supervisor gives up and fails.
    pub restarts_max: u32,
    /// The sliding window in which restarts are counted.
    pub period: Duration,
    /// Backoff before a child's first restart. Each further restart in a row doubles it. Jitter subtracts up to half.
    pub backoff_min: Duration,
    /// Upper bound on the backoff.
    pub backoff_max: Duration,
    /// Run time after which a child counts as healthy: its backoff starts over.
    pub healthy_after: Duration,
    /// Start timeout of one child; at the timeout the start has failed.
    pub start_within: Duration,
    /// Stop timeout of one child; at the timeout the child is killed.
    pub stop_within: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            strategy: Strategy::OneForOne,
            restarts_max: 60,
            period: Duration::from_secs(60),
            backoff_min: Duration::from_millis(20),
            backoff_max: Duration::from_secs(5),
            healthy_after: Duration::from_secs(30),
            start_within: Duration::from_secs(60),
            stop_within: Duration::from_secs(5),
        }
    }
}
