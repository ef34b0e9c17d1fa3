//! What one supervisor goes by.

use std::time::Duration;

/// Whom the failure of one child concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// That child alone.
    OneForOne,
    /// All its siblings: none is of use without the others.
    OneForAll,
    /// Those started after it: each depends on those before.
    RestForOne,
}

/// The rules and bounds of one supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Whom the failure of one child concerns.
    pub strategy: Strategy,
    /// Restarts allowed within `period`; one more, and the supervisor gives up and fails itself.
    pub restarts_max: u32,
    /// The sliding window in which restarts are counted.
    pub period: Duration,
    /// Pause before a child's first restart; each further one in a row is twice as long, less a share of up to a half.
    pub backoff_min: Duration,
    /// Longest pause.
    pub backoff_max: Duration,
    /// A child that ran for this long is taken for healthy: its pauses start over.
    pub healthy_after: Duration,
    /// Time for one child to start; one that takes longer has failed to.
    pub start_within: Duration,
    /// Time for one child to stop; one that takes longer is killed.
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
