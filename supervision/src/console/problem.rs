//! The error format of the console: `application/problem+json` (RFC 9457), with the same fields as the gateway's.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use troupe_runtime::AskError;

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProblemBody {
    /// `urn:troupe:problem:` followed by the code in lower case.
    #[serde(rename = "type")]
    pub kind: String,
    /// Name of the HTTP status.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The cause, and what to do about it.
    pub detail: String,
    /// Stable code, for programs.
    pub code: String,
    /// Whether the same call may succeed later unchanged.
    pub retryable: bool,
}

/// An error response. Boxed, so that results stay small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem(pub Box<ProblemBody>);

impl Problem {
    /// A problem that a retry does not solve.
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self(Box::new(ProblemBody {
            kind: format!("urn:troupe:problem:{}", code.to_ascii_lowercase().replace('_', "-")),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            code: code.to_owned(),
            retryable: false,
        }))
    }

    /// Marks that the same call may succeed later.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.0.retryable = true;
        self
    }
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Self {
        let status = match &error {
            AskError::UnknownKind(_) | AskError::UnknownVerb { .. } => StatusCode::NOT_FOUND,
            AskError::BadBody(_) | AskError::BadKey(_) => StatusCode::BAD_REQUEST,
            AskError::Refused(_) | AskError::KeyReused => StatusCode::CONFLICT,
            AskError::Busy { .. } | AskError::NotLeader { .. } | AskError::NotSent(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            AskError::Expired => StatusCode::GATEWAY_TIMEOUT,
            AskError::Unknown(_) | AskError::Fault(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let problem = Self::new(status, error.code(), error.to_string());
        if error.retryable() { problem.retryable() } else { problem }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self.0).unwrap_or_default();
        let kind = HeaderValue::from_static("application/problem+json");
        (status, [(header::CONTENT_TYPE, kind)], body).into_response()
    }
}
