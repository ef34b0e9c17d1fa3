//! How calls are read and answered: bodies, queries, and problems in MLflow's words.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{FromRequestParts, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::{ContentBuilder, RefOr};
use utoipa::{IntoResponses, PartialSchema as _};

use crate::apis::runs::state::RunsState;
use crate::edge::body;
use crate::edge::call::Call;
use crate::edge::dialect;
use crate::edge::dialect::Dialect;
use crate::edge::extract::bad_query;
use crate::edge::problem::Problem;

/// What a route answers.
pub(super) type Answer = Result<Json<Value>, Trouble>;

/// Codes of [`Problem`] that are MLflow's as they are.
pub(super) const NOT_IMPLEMENTED: &str = "NOT_IMPLEMENTED";
pub(super) const ENDPOINT_NOT_FOUND: &str = "ENDPOINT_NOT_FOUND";
/// The only conflict that says that a thing exists already.
const EXISTS: &str = "EXISTS";

/// MLflow's words for a problem: its clients raise it by `error_code`.
#[derive(Debug)]
pub(crate) struct Words;

/// A problem in MLflow's words.
pub(crate) type Trouble = dialect::Trouble<Words>;

impl Dialect for Words {
    /// Clients leave the body out where every field is optional.
    const EMPTY_BODY: &'static [u8] = b"{}";

    fn answer(problem: Problem) -> Response {
        let (status, code) = match problem.0.status {
            _ if problem.0.code == NOT_IMPLEMENTED => (StatusCode::NOT_IMPLEMENTED, NOT_IMPLEMENTED),
            _ if problem.0.code == ENDPOINT_NOT_FOUND => (StatusCode::NOT_FOUND, ENDPOINT_NOT_FOUND),
            // Clients try again on this.
            _ if problem.0.retryable => (StatusCode::SERVICE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE"),
            404 => (StatusCode::NOT_FOUND, "RESOURCE_DOES_NOT_EXIST"),
            409 if problem.0.code == EXISTS => (StatusCode::BAD_REQUEST, "RESOURCE_ALREADY_EXISTS"),
            409 if problem.0.code == "RUN_DELETED" => (StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE"),
            // MLflow answers 500 with this code, which its clients repeat for minutes.
            409 => (StatusCode::CONFLICT, "INVALID_STATE"),
            400..500 => (StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR"),
        };
        let body = json!({ "error_code": code, "message": problem.0.detail, "field": problem.0.field });
        (status, Json(body)).into_response()
    }
}

pub(super) fn bad(field: &str, why: impl Into<String>) -> Trouble {
    Trouble::from(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "BAD_VALUE", why).field(field))
}

pub(super) fn not_found(field: &str, why: impl Into<String>) -> Trouble {
    Trouble::from(Problem::new(StatusCode::NOT_FOUND, "NOT_FOUND", why).field(field))
}

pub(super) fn exists(field: &str, why: impl Into<String>) -> Trouble {
    Trouble::from(Problem::new(StatusCode::CONFLICT, EXISTS, why).field(field))
}

/// The state of a thing does not allow the request.
pub(super) fn wrong_state(field: &str, why: impl Into<String>) -> Trouble {
    Trouble::from(Problem::new(StatusCode::CONFLICT, "WRONG_STATE", why).field(field))
}

/// Every route may answer so.
impl IntoResponses for Trouble {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let content = ContentBuilder::new().schema(Some(Value::schema())).build();
        let response = ResponseBuilder::new()
            .description("`error_code` and `message`")
            .content("application/json", content)
            .build();
        BTreeMap::from([("default".to_owned(), response.into())])
    }
}

/// The call and its body; a body that cannot be read is a [`Trouble`].
pub(super) type Body<T> = body::Body<T, Trouble>;

/// A call with a query of one shape.
pub(crate) struct Queried<T>(pub(super) Call, pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<RunsState> for Queried<T> {
    type Rejection = Trouble;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        edge: &RunsState,
    ) -> Result<Self, Trouble> {
        let call = Call::from_request_parts(parts, edge).await?;
        let query = Query::try_from_uri(&parts.uri);
        let Query(queried) = query.map_err(|error| bad_query(&error))?;
        Ok(Self(call, queried))
    }
}

/// The orders of a query: clients repeat `order_by` for each.
pub(crate) struct OrderBy(pub(super) Vec<String>);

impl FromRequestParts<RunsState> for OrderBy {
    type Rejection = Trouble;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        _edge: &RunsState,
    ) -> Result<Self, Trouble> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let Query(pairs) = pairs.map_err(|error| bad_query(&error))?;
        Ok(Self(pairs.into_iter().filter(|(key, _)| key == "order_by").map(|(_, value)| value).collect()))
    }
}

/// A value under a name.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tag {
    pub(super) key: String,
    pub(super) value: String,
}

/// A whole number, as a number or as the text that protocol buffers make of one.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Whole {
    Number(i64),
    Text(String),
}

impl Whole {
    pub(super) fn read(&self, field: &str) -> Result<i64, Trouble> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Text(text) => {
                text.parse().map_err(|_| bad(field, format!("{field} must be a whole number")))
            }
        }
    }
}
