//! The status of a step.

use crate::definition::words;

words! {
    /// Where a step's attempt is.
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
        /// The workflow or step is switched off.
        Disabled = "DISABLED",
        /// No way led to it.
        Unsatisfied = "UNSATISFIED",
        /// A person skipped it.
        Skipped = "SKIPPED",
        Succeeded = "SUCCEEDED",
        /// It failed and its failure is ignored.
        CompletedWithError = "COMPLETED_WITH_ERROR",
        /// Its own fault; tried again while retries are left.
        UserFailed = "USER_FAILED",
        /// The platform's fault; tried again while retries are left.
        PlatformFailed = "PLATFORM_FAILED",
        /// Not worth another try.
        FatallyFailed = "FATALLY_FAILED",
        /// The engine itself failed.
        InternallyFailed = "INTERNALLY_FAILED",
        Stopped = "STOPPED",
        /// An attempt took too long; tried again while retries are left.
        TimeoutFailed = "TIMEOUT_FAILED",
        /// It took too long for good.
        TimedOut = "TIMED_OUT",
    }
}

impl StepStatus {
    /// Whether this attempt is over.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        self >= Self::Disabled
    }

    /// Whether it is over in a way that lets what comes after it start.
    #[must_use]
    pub fn is_complete(self) -> bool {
        matches!(
            self,
            Self::Disabled | Self::Unsatisfied | Self::Skipped | Self::Succeeded | Self::CompletedWithError
        )
    }

    /// Whether another attempt may follow.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::UserFailed | Self::PlatformFailed | Self::TimeoutFailed)
    }

    /// Whether it ended badly.
    #[must_use]
    pub fn is_failure(self) -> bool {
        self.is_terminal() && !self.is_complete()
    }

    /// Whether it has begun and is not over.
    #[must_use]
    pub fn is_active(self) -> bool {
        !self.is_terminal() && !matches!(self, Self::NotCreated)
    }

    /// Whether it counts against the bounds of what runs at once.
    #[must_use]
    pub fn is_running(self) -> bool {
        matches!(self, Self::Starting | Self::Running | Self::Finishing)
    }
}
