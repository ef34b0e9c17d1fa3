//! The status of a step.

use crate::definition::words;

words! {
    /// The status of a step's attempt.
    StepStatus {
        NotCreated = "NOT_CREATED",
        Created = "CREATED",
        Initialized = "INITIALIZED",
        /// At a breakpoint.
        Paused = "PAUSED",
        WaitingForSignals = "WAITING_FOR_SIGNALS",
        EvaluatingParams = "EVALUATING_PARAMS",
        WaitingForPermits = "WAITING_FOR_PERMITS",
        Starting = "STARTING",
        Running = "RUNNING",
        Finishing = "FINISHING",
        /// The workflow or step is disabled.
        Disabled = "DISABLED",
        /// No taken edge leads to it.
        Unsatisfied = "UNSATISFIED",
        /// A person skipped it.
        Skipped = "SKIPPED",
        Succeeded = "SUCCEEDED",
        /// It failed, and its failure is ignored.
        CompletedWithError = "COMPLETED_WITH_ERROR",
        /// A fault of the step; retried while retries are left.
        UserFailed = "USER_FAILED",
        /// A fault of the platform; retried while retries are left.
        PlatformFailed = "PLATFORM_FAILED",
        /// A final failure.
        FatallyFailed = "FATALLY_FAILED",
        /// The engine itself failed.
        InternallyFailed = "INTERNALLY_FAILED",
        Stopped = "STOPPED",
        /// The attempt timed out; retried while retries are left.
        TimeoutFailed = "TIMEOUT_FAILED",
        /// A final timeout.
        TimedOut = "TIMED_OUT",
    }
}

impl StepStatus {
    /// Whether this attempt has ended.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        self >= Self::Disabled
    }

    /// Whether its successors may start.
    #[must_use]
    pub fn is_complete(self) -> bool {
        matches!(
            self,
            Self::Disabled | Self::Unsatisfied | Self::Skipped | Self::Succeeded | Self::CompletedWithError
        )
    }

    /// Whether a retry may follow.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::UserFailed | Self::PlatformFailed | Self::TimeoutFailed)
    }

    /// Whether it failed or was stopped.
    #[must_use]
    pub fn is_failure(self) -> bool {
        self.is_terminal() && !self.is_complete()
    }

    /// Whether it has begun and has not ended.
    #[must_use]
    pub fn is_active(self) -> bool {
        !self.is_terminal() && !matches!(self, Self::NotCreated)
    }

    /// Whether it counts against the concurrency limits.
    #[must_use]
    pub fn is_running(self) -> bool {
        matches!(self, Self::Starting | Self::Running | Self::Finishing)
    }
}
