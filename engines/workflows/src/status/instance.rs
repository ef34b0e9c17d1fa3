//! The status of an instance.

use crate::definition::words;

words! {
    /// Where an instance's run is.
    InstanceStatus {
        /// Queued.
        Created = "CREATED",
        InProgress = "IN_PROGRESS",
        /// Every step that could go on is at a breakpoint.
        Paused = "PAUSED",
        TimedOut = "TIMED_OUT",
        Stopped = "STOPPED",
        Failed = "FAILED",
        Succeeded = "SUCCEEDED",
    }
}

impl InstanceStatus {
    /// Whether the run is over.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        self >= Self::TimedOut
    }

    /// Whether it has started and is not over.
    #[must_use]
    pub fn is_running(self) -> bool {
        matches!(self, Self::InProgress | Self::Paused)
    }
}
