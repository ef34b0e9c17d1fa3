//! The allowed transitions of a step's status.

use troupe_workflows::status::StepStatus;
use troupe_workflows::status::StepStatus::{
    CompletedWithError, Created, FatallyFailed, InternallyFailed, NotCreated, Paused, PlatformFailed,
    Running, Skipped, Stopped, Succeeded, TimedOut, TimeoutFailed, Unsatisfied, UserFailed,
    WaitingForPermits, WaitingForSignals,
};

/// Each status with the statuses that may follow. A status without a row is final, or this engine never enters it.
pub(super) const TRANSITIONS: &[(StepStatus, &[StepStatus])] = &[
    (NotCreated, &[Created, Unsatisfied, Skipped]),
    (Created, &[Paused, WaitingForSignals, WaitingForPermits, Running, CompletedWithError, FatallyFailed]),
    (Paused, &[Created, Skipped, FatallyFailed, Stopped]),
    (
        WaitingForSignals,
        &[
            WaitingForPermits,
            Running,
            Skipped,
            CompletedWithError,
            FatallyFailed,
            Stopped,
            TimeoutFailed,
            TimedOut,
        ],
    ),
    (
        WaitingForPermits,
        &[
            WaitingForPermits,
            Running,
            Skipped,
            CompletedWithError,
            PlatformFailed,
            FatallyFailed,
            Stopped,
            TimeoutFailed,
            TimedOut,
        ],
    ),
    (
        Running,
        &[
            Skipped,
            Succeeded,
            CompletedWithError,
            UserFailed,
            PlatformFailed,
            FatallyFailed,
            Stopped,
            TimeoutFailed,
            TimedOut,
        ],
    ),
    (Succeeded, &[CompletedWithError, FatallyFailed, InternallyFailed]),
    (CompletedWithError, &[InternallyFailed]),
    (UserFailed, &[Created, Skipped, FatallyFailed, Stopped]),
    (PlatformFailed, &[Created, Skipped, FatallyFailed, Stopped]),
    (FatallyFailed, &[Created]),
    (InternallyFailed, &[Created]),
    (Stopped, &[Created]),
    (TimeoutFailed, &[Created, Skipped, FatallyFailed, Stopped]),
    (TimedOut, &[Created]),
];

pub(super) fn is_allowed(from: StepStatus, to: StepStatus) -> bool {
    TRANSITIONS.iter().any(|(known, next)| *known == from && next.contains(&to))
}
