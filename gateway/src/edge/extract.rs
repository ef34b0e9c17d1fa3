//! Path and query parameters. A parameter that does not fit is a problem with its name as the field.

use axum::extract::FromRequestParts;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::edge::problem::Problem;

/// The parameters of a path.
#[derive(Debug)]
pub(crate) struct Path<T>(pub(crate) T);

/// The parameters behind the question mark.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = axum::extract::Path::from_request_parts(parts, state).await;
        read.map(|axum::extract::Path(found)| Self(found)).map_err(|rejection| bad_path(&rejection))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let read = axum::extract::Query::try_from_uri(&parts.uri);
        read.map(|axum::extract::Query(found)| Self(found)).map_err(|rejection| bad_query(&rejection))
    }
}

fn bad_path(rejection: &PathRejection) -> Problem {
    let problem = Problem::new(StatusCode::BAD_REQUEST, "BAD_PATH", rejection.body_text());
    match rejection {
        PathRejection::FailedToDeserializePathParams(failed) => match failed.kind() {
            ErrorKind::InvalidUtf8InPathParam { key } => problem.field(key.clone()),
            _ => problem,
        },
        _ => problem,
    }
}

/// The parameter that does not fit, and why not.
pub(crate) fn bad_query(rejection: &QueryRejection) -> Problem {
    let said = rejection.body_text();
    let why = said.split_once("query string: ").map_or(said.as_str(), |(_, why)| why);
    let named = why.split_once(": ").map(|(name, _)| name).filter(|name| !name.contains(' '));
    let problem = Problem::new(StatusCode::BAD_REQUEST, "BAD_PARAMETER", why);
    // One that is missing is named in backticks.
    match named.or_else(|| why.split('`').nth(1)) {
        Some(field) => problem.field(field),
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Uri;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "it is read from the query alone")]
    struct Limited {
        limit: u32,
    }

    #[test]
    fn a_parameter_that_does_not_fit_or_is_missing_is_named() {
        for query in ["limit=x", "limit=-1", "", "limit=1&limit=2"] {
            let uri: Uri = format!("/list?{query}").parse().unwrap();
            let rejection = axum::extract::Query::<Limited>::try_from_uri(&uri).unwrap_err();
            let problem = bad_query(&rejection);
            assert_eq!((problem.0.status, problem.0.field.as_deref()), (400, Some("limit")), "{query}");
        }
    }
}
