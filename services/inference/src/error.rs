//! Errors of loading, which refuse a publish, and errors of serving, which a caller sees.

use std::time::Duration;

use troupe_runtime::{AskError, Refused};

use troupe_lake::LakeError;

/// Why a model version cannot be loaded. The publisher reads this text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// This node has no engine.
    #[error("no inference engine on this node: {0}")]
    Unavailable(String),
    /// The artifact or the vocabulary is missing, corrupt or too large.
    #[error("cannot read the {what}: {why}")]
    Object {
        /// `artifact` or `vocabulary`.
        what: &'static str,
        /// The code for programs.
        code: &'static str,
        /// The lake's error.
        why: String,
    },
    /// The vocabulary's bytes are not a list of content ids.
    #[error("vocabulary: {0}")]
    Vocabulary(String),
    /// The engine does not accept the artifact.
    #[error("artifact does not load: {0}")]
    Artifact(String),
    /// Inputs or outputs differ from the served signature.
    #[error("signature does not fit: {0}")]
    Signature(String),
    /// The trial run failed.
    #[error("trial run failed: {0}")]
    TrialRun(String),
    /// Loading took longer than `serving.load_timeout`.
    #[error("not loaded within {0:?}")]
    TimedOut(Duration),
    /// The pool's actors could not be started.
    #[error("replicas did not start: {0}")]
    Start(String),
}

impl LoadError {
    /// Wraps the lake's error about one of the two objects.
    #[must_use]
    pub fn object(what: &'static str, error: &LakeError) -> Self {
        let code = match error {
            LakeError::Missing(_) => "ARTIFACT_MISSING",
            LakeError::Corrupt { .. } => "ARTIFACT_CORRUPT",
            LakeError::TooLarge { .. } => "ARTIFACT_TOO_LARGE",
            LakeError::Unusable { .. } | LakeError::Store(_) => "LAKE_FAILED",
        };
        Self::Object { what, code, why: error.to_string() }
    }

    /// Whether a retry of the load on this node may succeed. Objects never change, so an artifact that the engine refused
    /// is refused again.
    #[must_use]
    pub const fn may_heal(&self) -> bool {
        matches!(self, Self::Object { .. } | Self::TimedOut(_) | Self::Start(_))
    }

    /// Whether this node is the cause, not the published objects: another node or a later attempt may succeed.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::TimedOut(_) | Self::Start(_))
            || self.code() == "LAKE_FAILED"
    }

    /// Stable code for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "ENGINE_UNAVAILABLE",
            Self::Object { code, .. } => code,
            Self::Vocabulary(_) => "BAD_VOCABULARY",
            Self::Artifact(_) => "BAD_ARTIFACT",
            Self::Signature(_) => "BAD_SIGNATURE",
            Self::TrialRun(_) => "TRIAL_RUN_FAILED",
            Self::TimedOut(_) => "LOAD_TIMED_OUT",
            Self::Start(_) => "REPLICAS_NOT_STARTED",
        }
    }
}

impl From<LoadError> for Refused {
    fn from(error: LoadError) -> Self {
        let field = match &error {
            LoadError::Vocabulary(_) => "vocabulary",
            LoadError::Object { what, .. } => what,
            _ => "artifact",
        };
        Self::field(error.code(), field, error.to_string())
    }
}

/// Why a request was not scored. Scoring changes no state, so every request may be repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServeError {
    /// No model of this name is published.
    #[error("no model {0:?} is published")]
    NoModel(String),
    /// The model is published, but no version of it is loaded here.
    #[error("model {model:?} is not ready on this node: {why}")]
    NotReady {
        /// The model.
        model: String,
        /// The last load error, or `it is being loaded`.
        why: String,
    },
    /// This node has no engine.
    #[error("no inference engine on this node: {0}")]
    Unavailable(String),
    /// The batch queue is at `serving.queue_max`.
    #[error("busy: {waiting} requests wait for model {model:?}")]
    Busy {
        /// The model.
        model: String,
        /// Requests in the queue.
        waiting: usize,
    },
    /// The deadline passed before it was scored.
    #[error("deadline passed before it was scored")]
    Expired,
    /// The run failed, or its replica died.
    #[error("model {model:?} failed: {why}")]
    Failed {
        /// The model.
        model: String,
        /// The engine's error.
        why: String,
    },
}

/// Retry hint of a busy pool: the time of several batches.
const RETRY_AFTER: Duration = Duration::from_millis(20);

impl From<ServeError> for AskError {
    fn from(error: ServeError) -> Self {
        match &error {
            ServeError::NoModel(_) => Self::Refused(Refused::field("NO_MODEL", "model", error.to_string())),
            ServeError::NotReady { .. } | ServeError::Unavailable(_) => Self::NotSent(error.to_string()),
            ServeError::Busy { model, .. } => Self::busy(&format!("serving of {model}"), RETRY_AFTER),
            ServeError::Expired => Self::Expired,
            ServeError::Failed { .. } => Self::Fault(error.to_string()),
        }
    }
}
