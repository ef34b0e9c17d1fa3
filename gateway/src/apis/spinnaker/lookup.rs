//! Pipelines by their names, and the user of a request.

use std::time::Duration;

use axum::http::HeaderMap;
use troupe_actors::coordination::directory::Directory;
use troupe_actors::delivery::pipelines::{GetPipeline, Pipeline, PipelineView};
use troupe_runtime::routing::ask;
use troupe_runtime::text::cut;
use troupe_runtime::{AskError, Refused};

use crate::edge::problem::Problem;
use crate::edge::state::GatewayState;

/// Longest name of a user, in bytes.
const USER_BYTES_MAX: usize = 128;

/// The user, from the header that Gate sets; it is not authenticated.
pub(super) fn user(headers: &HeaderMap) -> String {
    let named = headers.get("x-spinnaker-user").and_then(|value| value.to_str().ok()).unwrap_or_default();
    cut(named, USER_BYTES_MAX)
}

/// The pipelines that there are, by name, of one application or of all.
pub(super) fn named(edge: &GatewayState, application: Option<&str>) -> Vec<String> {
    let Some(directory) = Directory::read::<Pipeline>(&edge.globals) else { return Vec::new() };
    let wanted = directory.entries().filter(|entry| application.is_none_or(|wanted| entry.about == wanted));
    wanted.map(|entry| entry.key.clone()).collect()
}

pub(super) async fn viewed(
    edge: &GatewayState,
    name: &str,
    within: Duration,
) -> Result<PipelineView, Problem> {
    Ok(ask::<Pipeline, GetPipeline>(&edge.router, name, &GetPipeline {}, within).await?)
}

pub(super) fn unknown(name: &str) -> Problem {
    let name = cut(name, 64);
    let why = format!("pipeline {name:?} not found");
    Problem::from(AskError::Refused(Refused::field("UNKNOWN_PIPELINE", "pipeline", why)))
}
