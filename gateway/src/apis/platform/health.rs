//! What operators and load balancers look at. Answered beyond the limit of requests in work.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::state::PlatformState;
use crate::edge::problem::Problem;
use crate::edge::readiness::Ready;

/// The process answers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `ok`: a process that is not does not answer.
    status: &'static str,
}

/// Says that the process lives.
#[utoipa::path(get, path = "/healthz", tag = "operation", operation_id = "health",
    responses((status = 200, description = "the process answers", body = Health)))]
pub(crate) async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Says whether this node should get traffic.
#[utoipa::path(get, path = "/readyz", tag = "operation", operation_id = "readiness",
    responses(
        (status = 200, description = "every shard has a leader", body = Ready),
        (status = 503, description = "not yet, or no longer", body = crate::edge::problem::ProblemBody,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn ready(State(edge): State<PlatformState>) -> Result<Json<Ready>, Problem> {
    let ready = edge.own.ready.ready();
    if ready.yes() {
        return Ok(Json(ready));
    }
    let why = match (ready.draining, ready.features_declared) {
        (true, _) => "the node is leaving; ",
        (false, false) => "the configured feature groups are not known yet; ",
        (false, true) => "",
    };
    Err(Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "NOT_READY",
        format!("{why}{} of {} shards have a leader", ready.shards_led, ready.shards),
    )
    .retry_after(edge.config.retry_after))
}

/// The node's metrics in the Prometheus text format.
#[utoipa::path(get, path = "/metrics", tag = "operation", operation_id = "metrics",
    responses((status = 200, description = "metrics", body = String, content_type = "text/plain; version=0.0.4")))]
pub(crate) async fn metrics(State(edge): State<PlatformState>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], edge.own.metrics.render())
        .into_response()
}
