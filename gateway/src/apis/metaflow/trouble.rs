//! Problems as Metaflow's clients take them.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::edge::dialect;
use crate::edge::dialect::Dialect;
use crate::edge::problem::Problem;

/// The error format of Metaflow's clients: a retryable problem has status 503.
#[derive(Debug)]
pub(crate) struct Words;

/// A problem as Metaflow's clients take it.
pub(crate) type Trouble = dialect::Trouble<Words>;

impl Dialect for Words {
    /// Clients leave the body out where every field is optional.
    const EMPTY_BODY: &'static [u8] = b"{}";

    fn answer(mut problem: Problem) -> Response {
        if problem.0.retryable {
            problem.0.status = StatusCode::SERVICE_UNAVAILABLE.as_u16();
        }
        problem.into_response()
    }
}

pub(super) fn not_found(code: &str, field: &str, why: impl Into<String>) -> Trouble {
    Trouble::from(Problem::new(StatusCode::NOT_FOUND, code, why).field(field))
}

pub(super) fn exists(field: &str, why: impl Into<String>) -> Trouble {
    Trouble::from(Problem::new(StatusCode::CONFLICT, "EXISTS", why).field(field))
}
