//! The status of an instance.

use crate::definition::words;

words! {
    /// The status of an instance's run.
    InstanceStatus {
        /// Queued.
        Created = "CREATED",
        InProgress = "IN_PROGRESS",
        /// Each unfinished step is paused at a breakpoint.
        Paused = "PAUSED",
        TimedOut = "TIMED_OUT",
        Stopped = "STOPPED",
        Failed = "FAILED",
        Succeeded = "SUCCEEDED",
    }
}

impl InstanceStatus {
    /// Whether the run has ended.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        self >= Self::TimedOut
    }

    /// Whether it has started and has not ended.
    #[must_use]
    pub fn is_running(self) -> bool {
        matches!(self, Self::InProgress | Self::Paused)
    }
}
