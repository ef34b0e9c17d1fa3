//! What a call may end in instead of an answer.

use serde::{Deserialize, Serialize};

/// Whether a call that failed may have changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Executed {
    /// It did not happen.
    NotExecuted,
    /// It may have happened.
    Unknown,
}

/// The cluster's `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// Stable, for programs: `UNKNOWN_KIND`.
    pub code: String,
    /// What was wrong and what to do, for people.
    #[serde(default)]
    pub detail: String,
    /// The field or header at fault, where one is.
    #[serde(default)]
    pub field: Option<String>,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// Whether it may have happened.
    pub outcome: Executed,
    /// The names that would have been known, where an unknown one was given.
    #[serde(default)]
    pub known: Vec<String>,
}

/// Why a call brought no answer, after its retries.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The client was configured with something that cannot work.
    #[error("bad configuration: {0}")]
    Configuration(String),
    /// What was to be sent cannot be.
    #[error("cannot be sent: {0}")]
    Request(String),
    /// The cluster said no, or could not.
    #[error("{} {}: {}", .0.status, .0.code, .0.detail)]
    Problem(Box<Problem>),
    /// An HTTP answer that is not the cluster's: a proxy's, for one.
    #[error("unexpected answer {status}: {body}")]
    Unexpected {
        /// The HTTP status.
        status: u16,
        /// The body's beginning.
        body: String,
        /// Whether it may have happened.
        outcome: Executed,
    },
    /// No endpoint could be reached. Nothing happened.
    #[error("no endpoint could be reached: {0}")]
    Unreachable(String),
    /// The connection broke, or no answer came in time, after the request had left.
    #[error("no answer: {0}")]
    Lost(String),
    /// The deadline passed before the request left. Nothing happened.
    #[error("the deadline passed before the call was sent")]
    Expired,
    /// The answer is not what this version of the client expects.
    #[error("answer does not decode: {0}")]
    Answer(String),
}

impl Error {
    /// The stable code, the same words as in the cluster's problems.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Configuration(_) => "BAD_CONFIGURATION",
            Self::Request(_) => "BAD_REQUEST",
            Self::Problem(problem) => &problem.code,
            Self::Unexpected { .. } => "UNEXPECTED_ANSWER",
            Self::Unreachable(_) => "NOT_SENT",
            Self::Lost(_) => "UNKNOWN_OUTCOME",
            Self::Expired => "DEADLINE_EXCEEDED",
            Self::Answer(_) => "BAD_ANSWER",
        }
    }

    /// Whether the call may have happened in spite of the error.
    #[must_use]
    pub fn outcome(&self) -> Executed {
        match self {
            Self::Problem(problem) => problem.outcome,
            Self::Unexpected { outcome, .. } => *outcome,
            Self::Lost(_) | Self::Answer(_) => Executed::Unknown,
            Self::Configuration(_) | Self::Request(_) | Self::Unreachable(_) | Self::Expired => {
                Executed::NotExecuted
            }
        }
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Problem(problem) => problem.retryable,
            Self::Unexpected { status, .. } => matches!(status, 408 | 429 | 502..=504),
            Self::Unreachable(_) | Self::Lost(_) | Self::Expired => true,
            Self::Configuration(_) | Self::Request(_) | Self::Answer(_) => false,
        }
    }

    /// Whether the cluster was too busy rather than wrong.
    #[must_use]
    pub fn overloaded(&self) -> bool {
        match self {
            Self::Problem(problem) => matches!(problem.status, 429 | 503),
            Self::Unexpected { status, .. } => matches!(status, 429 | 503),
            _ => false,
        }
    }
}
