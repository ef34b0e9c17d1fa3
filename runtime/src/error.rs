//! Errors that a caller gets instead of a reply.

use std::time::Duration;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// A refusal. Each kind has its own refusal enum; this is its form on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// Stable code for programs, `UPPER_SNAKE`: `ARCHIVED`, `BAD_RATING`.
    pub code: String,
    /// Text for people: what was refused, and what to do.
    pub message: String,
    /// The invalid field of the request, if there is one.
    pub field: Option<String>,
}

impl Refused {
    /// A refusal without a field.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), field: None }
    }

    /// A refusal of one field's value.
    pub fn field(code: impl Into<String>, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), field: Some(field.into()) }
    }
}

/// Why an ask got no reply. [`AskError::executed`] tells whether the command may have taken effect.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, thiserror::Error)]
pub enum AskError {
    /// The entity refused the ask.
    #[error("refused: {0}")]
    Refused(#[from] Refused),
    /// The kind is not registered.
    #[error("unknown kind {0:?}")]
    UnknownKind(String),
    /// The kind has no such verb.
    #[error("kind {kind:?} has no verb {verb:?}")]
    UnknownVerb {
        /// The kind asked.
        kind: String,
        /// The verb it lacks.
        verb: String,
    },
    /// The body does not decode as the verb's message.
    #[error("body does not fit the verb: {0}")]
    BadBody(String),
    /// The key cannot name an entity.
    #[error("{0}")]
    BadKey(String),
    /// The idempotency key was used before with another body.
    #[error("idempotency key reused with another body")]
    KeyReused,
    /// Backpressure: the mailbox, the peer's credits or the pending calls are full. The command was not executed.
    #[error("busy: {queue} is full, retry after {retry_after_ms} ms")]
    Busy {
        /// Which bound was reached.
        queue: String,
        /// Milliseconds before a retry makes sense.
        retry_after_ms: u32,
    },
    /// This replica does not lead the shard. The command was not executed; the router follows the hint itself.
    #[error("not the leader{}", .hint.map(|n| format!(", try node {n}")).unwrap_or_default())]
    NotLeader {
        /// The leader as far as this replica knows.
        hint: Option<u16>,
    },
    /// No node could be reached, or the shard has no leader. The command was not executed.
    #[error("not sent: {0}")]
    NotSent(String),
    /// The deadline passed before the command was decided. It was not executed.
    #[error("deadline passed before it was executed")]
    Expired,
    /// The command may have been executed: retry only with the same idempotency key.
    #[error("outcome unknown: {0}")]
    Unknown(String),
    /// The entity's incarnation ended while it handled this; nothing was committed.
    #[error("entity fault: {0}")]
    Fault(String),
}

impl AskError {
    /// A [`AskError::Busy`] for the queue of this name.
    #[must_use]
    pub fn busy(queue: &str, retry_after: Duration) -> Self {
        let retry_after_ms = u32::try_from(retry_after.as_millis()).unwrap_or(u32::MAX);
        Self::Busy { queue: queue.to_owned(), retry_after_ms }
    }

    /// Stable code for programs, the same in HTTP answers, SDKs and metrics.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Refused(refused) => &refused.code,
            Self::UnknownKind(_) => "UNKNOWN_KIND",
            Self::UnknownVerb { .. } => "UNKNOWN_VERB",
            Self::BadBody(_) => "BAD_BODY",
            Self::BadKey(_) => "BAD_KEY",
            Self::KeyReused => "KEY_REUSED",
            Self::Busy { .. } => "MAILBOX_FULL",
            Self::NotLeader { .. } => "NOT_LEADER",
            Self::NotSent(_) => "NOT_SENT",
            Self::Expired => "DEADLINE_EXCEEDED",
            Self::Unknown(_) => "UNKNOWN_OUTCOME",
            Self::Fault(_) => "ENTITY_FAULT",
        }
    }

    /// Whether the same call may succeed later without any change to it.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        matches!(
            self,
            Self::Busy { .. } | Self::NotLeader { .. } | Self::NotSent(_) | Self::Expired | Self::Unknown(_)
        )
    }

    /// Whether the command may have taken effect although the ask failed.
    #[must_use]
    pub const fn executed(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }
}
