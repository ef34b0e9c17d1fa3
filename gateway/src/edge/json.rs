//! Reads JSON so that what does not fit is named by its path in the body.

use axum::http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::Value;
use troupe_runtime::entity::BodyError;

use crate::edge::problem::Problem;

/// Reads any JSON.
///
/// # Errors
/// `BAD_JSON`, with the line and column.
pub(crate) fn parse(body: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, "BAD_JSON", format!("the body is not JSON: {error}"))
            .field("body")
    })
}

/// Reads JSON of one shape.
///
/// # Errors
/// `BAD_JSON`; `BAD_BODY` with the field that does not fit.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let value = parse(body)?;
    serde_path_to_error::deserialize(&value).map_err(|error| unfit(&BodyError::from(error)))
}

/// The problem of a body that does not have the expected shape.
pub(crate) fn unfit(error: &BodyError) -> Problem {
    let field = error.field.as_deref().unwrap_or("body");
    Problem::new(StatusCode::BAD_REQUEST, "BAD_BODY", error.to_string()).field(field)
}
