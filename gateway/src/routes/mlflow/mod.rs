//! The door for MLflow's clients: tracking and registry, at the paths that they know.
//!
//! An experiment is a flow and a run is a run: what Metaflow's clients began is found here, and the other way round. A
//! model that the cluster serves is shown beside those that clients register, with its champion and challenger as
//! aliases.

pub(crate) mod experiments;
mod filter;
mod ids;
pub(crate) mod models;
mod render;
pub(crate) mod runs;
pub(crate) mod search;
pub(crate) mod versions;

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use troupe_runtime::{AskError, Refused};

use crate::call::Call;
use crate::json;
use crate::problem::Problem;
use crate::server::Edge;

/// A problem in MLflow's words: its clients raise it by `error_code`.
#[derive(Debug)]
pub(crate) struct Trouble(Problem);

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<AskError> for Trouble {
    fn from(error: AskError) -> Self {
        Self(Problem::from(error))
    }
}

impl From<Refused> for Trouble {
    fn from(refused: Refused) -> Self {
        Self::from(AskError::Refused(refused))
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let problem = self.0;
        let (status, code) = match problem.0.status {
            // Clients try again on this.
            _ if problem.0.retryable => (StatusCode::SERVICE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE"),
            404 => (StatusCode::NOT_FOUND, "RESOURCE_DOES_NOT_EXIST"),
            409 => (StatusCode::BAD_REQUEST, "RESOURCE_ALREADY_EXISTS"),
            400..500 => (StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR"),
        };
        let body = json!({ "error_code": code, "message": problem.0.detail, "field": problem.0.field });
        (status, Json(body)).into_response()
    }
}

fn bad(field: &str, why: impl Into<String>) -> Trouble {
    Trouble(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "BAD_VALUE", why).field(field))
}

fn not_found(field: &str, why: impl Into<String>) -> Trouble {
    Trouble(Problem::new(StatusCode::NOT_FOUND, "NOT_FOUND", why).field(field))
}

fn exists(field: &str, why: impl Into<String>) -> Trouble {
    Trouble(Problem::new(StatusCode::CONFLICT, "EXISTS", why).field(field))
}

/// A body of one shape.
async fn read<T: DeserializeOwned>(
    edge: &Edge,
    call: &Call,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Trouble> {
    let bytes = call.body(headers, body, edge.config.body_bytes_max).await?;
    Ok(json::read(if bytes.is_empty() { b"{}" } else { &bytes })?)
}

/// A value under a name.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Tag {
    key: String,
    value: String,
}

/// A whole number, as a number or as the text that protocol buffers make of one.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Whole {
    Number(i64),
    Text(String),
}

impl Whole {
    fn read(&self, field: &str) -> Result<i64, Trouble> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Text(text) => {
                text.parse().map_err(|_| bad(field, format!("{field} must be a whole number")))
            }
        }
    }
}

/// A page of a list, and where the next one begins.
fn page(
    rows: Vec<Value>,
    token: Option<&str>,
    limit: usize,
) -> Result<(Vec<Value>, Option<String>), Trouble> {
    let from = match token.filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => token
            .parse::<usize>()
            .map_err(|_| bad("page_token", "page_token must be what next_page_token said"))?,
    };
    let left = rows.len().saturating_sub(from);
    let next = (left > limit).then(|| (from + limit).to_string());
    Ok((rows.into_iter().skip(from).take(limit).collect(), next))
}
