//! Waits for the end of a node, an actor or an entity.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use troupe_runtime::deaths::{Death, Subject};

use super::problem::Problem;
use super::server::Desk;

/// Longest time that a call waits; whoever wants to wait longer calls again.
const WAIT_MAX: Duration = Duration::from_secs(600);

/// What to watch, and how long to wait for its end.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Watch {
    of: String,
    #[serde(default)]
    wait_ms: u64,
}

/// What came of the wait.
#[derive(Serialize)]
pub(super) struct Waited {
    /// As it was asked for, in full.
    of: String,
    /// None while it lives, as far as the node asked knows.
    death: Option<Death>,
}

pub(super) async fn death(
    State(desk): State<Desk>,
    query: Result<Query<Watch>, QueryRejection>,
) -> Result<Json<Waited>, Problem> {
    let bad = |what: String| Problem::new(StatusCode::BAD_REQUEST, "BAD_QUERY", what);
    let Query(Watch { of, wait_ms }) = query.map_err(|rejection| bad(rejection.body_text()))?;
    let named = desk.looker.inspect.nodes().into_iter().find(|node| node.name == of);
    let subject = match named {
        Some(node) => Subject::Node(node.node),
        None => of.parse().map_err(|error: troupe_runtime::deaths::NotASubject| bad(error.to_string()))?,
    };
    let of = subject.to_string();
    let within = Duration::from_millis(wait_ms).min(WAIT_MAX);
    let death = match tokio::time::timeout(within, desk.looker.inspect.death(subject)).await {
        Ok(death) => Some(death?),
        Err(_) => None,
    };
    Ok(Json(Waited { of, death }))
}
