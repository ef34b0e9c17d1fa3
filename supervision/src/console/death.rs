//! The death watch route: waits for the end of a node, an actor or an entity.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use troupe_runtime::death_watch::{Death, Subject};

use super::problem::Problem;
use super::state::ConsoleState;

/// Upper bound on the wait of one call; a client that waits longer calls again.
const WAIT_MAX: Duration = Duration::from_secs(600);

/// What to watch, and how long to wait for its end.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Watch {
    of: String,
    #[serde(default)]
    wait_ms: u64,
}

/// The result of the wait.
#[derive(Serialize)]
pub(super) struct Waited {
    /// The subject, in its full form.
    of: String,
    /// The death; `None` while the subject lives, as far as this node knows.
    death: Option<Death>,
}

pub(super) async fn death(
    State(console): State<ConsoleState>,
    query: Result<Query<Watch>, QueryRejection>,
) -> Result<Json<Waited>, Problem> {
    let bad = |what: String| Problem::new(StatusCode::BAD_REQUEST, "BAD_QUERY", what);
    let Query(Watch { of, wait_ms }) = query.map_err(|rejection| bad(rejection.body_text()))?;
    let named = console.looker.inspect.nodes().into_iter().find(|node| node.name == of);
    let subject = match named {
        Some(node) => Subject::Node(node.node),
        None => {
            of.parse().map_err(|error: troupe_runtime::death_watch::NotASubject| bad(error.to_string()))?
        }
    };
    let of = subject.to_string();
    let within = Duration::from_millis(wait_ms).min(WAIT_MAX);
    let death = match tokio::time::timeout(within, console.looker.inspect.death(subject)).await {
        Ok(death) => Some(death?),
        Err(_) => None,
    };
    Ok(Json(Waited { of, death }))
}
