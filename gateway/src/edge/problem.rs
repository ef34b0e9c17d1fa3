//! What every error of the edge looks like: `application/problem+json` (RFC 9457) with the fields a client acts on.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::receipt::Receipt;

/// Whether a call that failed may have changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Executed {
    /// It did not happen.
    NotExecuted,
    /// It may have happened: send it again only under the same idempotency key.
    Unknown,
}

/// An error answer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ProblemBody {
    /// `urn:troupe:problem:` and the code in lower case.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong and what to do, for people.
    pub detail: String,
    /// Stable, for programs: `UNKNOWN_KIND`.
    pub code: String,
    /// The field or header at fault, where one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Whether the same call may succeed later without any change to it.
    pub retryable: bool,
    /// Whether it may have happened.
    pub outcome: Executed,
    /// When it is worth trying again, in milliseconds; finer than `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// The names that would have been known, where an unknown one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known: Option<Vec<String>>,
    /// What became of each line, when no event of a batch was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
}

/// An error on its way to the client. Boxed, so that results stay small.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem(pub Box<ProblemBody>);

impl Problem {
    /// A problem that no retry mends and that did not happen.
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self(Box::new(ProblemBody {
            kind: format!("urn:troupe:problem:{}", code.to_ascii_lowercase().replace('_', "-")),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            code: code.to_owned(),
            field: None,
            retryable: false,
            outcome: Executed::NotExecuted,
            retry_after_ms: None,
            known: None,
            receipt: None,
        }))
    }

    /// Names the field or header at fault.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// Says that the same call may succeed later.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.0.retryable = true;
        self
    }

    /// Says when the same call may succeed.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.0.retryable = true;
        self.0.retry_after_ms = Some(u64::try_from(after.as_millis()).unwrap_or(u64::MAX).max(1));
        self
    }

    /// Says that it may have happened.
    #[must_use]
    pub fn outcome_unknown(mut self) -> Self {
        self.0.outcome = Executed::Unknown;
        self
    }

    /// Lists the names that would have been known.
    #[must_use]
    pub fn known<'a>(mut self, names: impl Iterator<Item = &'a str>) -> Self {
        self.0.known = Some(names.map(str::to_owned).collect());
        self
    }

    /// Adds what became of each line of a batch.
    #[must_use]
    pub fn receipt(mut self, receipt: Receipt) -> Self {
        self.0.receipt = Some(receipt);
        self
    }

    /// The deadline had passed before anything was done.
    pub fn expired() -> Self {
        Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            "DEADLINE_EXCEEDED",
            "the deadline passed before the call was executed: give it more time",
        )
        .retryable()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self.0).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(ms) = self.0.retry_after_ms {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(ms.div_ceil(1_000).max(1)));
            headers.insert("retry-after-ms", HeaderValue::from(ms));
        }
        response
    }
}
