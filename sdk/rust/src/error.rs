//! The errors of a call.

use serde::{Deserialize, Serialize};

/// Whether a failed call may have been executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Executed {
    /// The call was not executed.
    NotExecuted,
    /// The call may have been executed.
    Unknown,
}

/// The cluster's `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// Stable code for programs, such as `UNKNOWN_KIND`.
    pub code: String,
    /// The problem and the fix in words.
    #[serde(default)]
    pub detail: String,
    /// The invalid field or header, if any.
    #[serde(default)]
    pub field: Option<String>,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// Whether the call may have been executed.
    pub outcome: Executed,
    /// The known names, if an unknown one was given.
    #[serde(default)]
    pub known: Vec<String>,
}

/// Why a call failed, after its retries.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Invalid configuration of the client.
    #[error("bad configuration: {0}")]
    Configuration(String),
    /// The request cannot be encoded.
    #[error("cannot be sent: {0}")]
    Request(String),
    /// A problem answered by the cluster.
    #[error("{} {}: {}", .0.status, .0.code, .0.detail)]
    Problem(Box<Problem>),
    /// An HTTP answer that is not the cluster's, such as a proxy's.
    #[error("unexpected answer {status}: {body}")]
    Unexpected {
        /// The HTTP status.
        status: u16,
        /// The start of the body.
        body: String,
        /// Whether the call may have been executed.
        outcome: Executed,
    },
    /// No endpoint could be reached. The call was not executed.
    #[error("no endpoint could be reached: {0}")]
    Unreachable(String),
    /// The connection broke, or no answer came in time, after the request was sent.
    #[error("no answer: {0}")]
    Lost(String),
    /// The deadline passed before the request was sent. The call was not executed.
    #[error("the deadline passed before the call was sent")]
    Expired,
    /// This version of the client cannot parse the answer.
    #[error("answer does not decode: {0}")]
    Answer(String),
}

impl Error {
    /// The stable code, the same as in the cluster's problems.
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

    /// Whether the call may have been executed despite the error.
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

    /// Whether the cluster was overloaded (backpressure or a rate limit).
    #[must_use]
    pub fn overloaded(&self) -> bool {
        match self {
            Self::Problem(problem) => matches!(problem.status, 429 | 503),
            Self::Unexpected { status, .. } => matches!(status, 429 | 503),
            _ => false,
        }
    }
}
