//! The API for Unleash's client SDKs, at the paths that they know. They fetch all flags, evaluate them locally, and report
//! their identity and usage from time to time.
//!
//! The SDKs' base URL is this edge with `/api`.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use troupe_actors::NamedFields;
use troupe_actors::experimentation::clients::{Clients, Register, Report};
use troupe_actors::experimentation::flags;
use troupe_flags::unleash::metrics::{MetricsPost, Registration};
use troupe_runtime::Command;

use crate::edge::asks;
use crate::edge::body::Body;
use crate::edge::call::Call;
use crate::edge::etag::tagged;
use crate::edge::problem::{Problem, ProblemBody};
use crate::edge::state::GatewayState;

/// The key of the entity that keeps the clients of this API.
const CLIENTS: &str = "unleash";

/// All flags of Unleash's clients, as they evaluate them.
#[utoipa::path(get, path = "/api/client/features", tag = "flags", operation_id = "unleash_features",
    params(("If-None-Match" = Option<String>, Header, description = "the `ETag` of what the client has")),
    responses(
        (status = 200, description = "the flags, with an `ETag`", body = serde_json::Value),
        (status = 304, description = "the client has them"),
    ))]
pub(crate) async fn features(State(edge): State<GatewayState>, headers: HeaderMap) -> Response {
    let body = flags::unleash_features(&edge.globals).to_string();
    tagged(&headers, body, "application/json")
}

/// Registers a client.
#[utoipa::path(post, path = "/api/client/register", tag = "flags", operation_id = "unleash_register",
    request_body(content = serde_json::Value, description = "`appName`, `instanceId`, `sdkVersion`, `started`, `interval`"),
    responses(
        (status = 202, description = "it is known"),
        (status = "default", description = "why it is not", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn register(
    State(edge): State<GatewayState>,
    call: Call,
    Body { json: registration, .. }: Body<Registration>,
) -> Result<StatusCode, Problem> {
    tell(&edge, &call, &Register(NamedFields(registration))).await
}

/// Counts how often flags were on for a client.
#[utoipa::path(post, path = "/api/client/metrics", tag = "flags", operation_id = "unleash_metrics",
    request_body(content = serde_json::Value, description = "`appName`, `instanceId` and a `bucket` of counts"),
    responses(
        (status = 202, description = "it is counted"),
        (status = "default", description = "why it is not", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn metrics(
    State(edge): State<GatewayState>,
    call: Call,
    Body { json: report, .. }: Body<MetricsPost>,
) -> Result<StatusCode, Problem> {
    tell(&edge, &call, &Report(NamedFields(report))).await
}

async fn tell<C: Command>(edge: &GatewayState, call: &Call, command: &C) -> Result<StatusCode, Problem> {
    edge.router.ask_raw(asks::command::<Clients, C>(CLIENTS.to_owned(), command), call.left()?).await?;
    Ok(StatusCode::ACCEPTED)
}
