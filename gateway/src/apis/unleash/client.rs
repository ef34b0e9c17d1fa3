//! The door for Unleash's client SDKs, at the paths that they know: they fetch all flags, evaluate them by themselves,
//! and say from time to time who they are and what they served.
//!
//! The SDKs' base URL is this edge with `/api`.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use troupe_actors::NamedFields;
use troupe_actors::experimentation::clients::{Clients, Register, Report};
use troupe_actors::experimentation::flags;
use troupe_runtime::{Address, Command, wire};

use crate::edge::call::Call;
use crate::edge::etag::tagged;
use crate::edge::json;
use crate::edge::problem::{Problem, ProblemBody};
use crate::edge::state::GatewayState;

/// The entity that knows the clients of this door.
const DOOR: &str = "unleash";

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

/// A client says who it is.
#[utoipa::path(post, path = "/api/client/register", tag = "flags", operation_id = "unleash_register",
    request_body(content = serde_json::Value, description = "`appName`, `instanceId`, `sdkVersion`, `started`, `interval`"),
    responses(
        (status = 202, description = "it is known"),
        (status = "default", description = "why it is not", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn register(
    State(edge): State<GatewayState>,
    call: Call,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let body = call.body(&headers, body, edge.config.body_bytes_max).await?;
    tell(&edge, &call, &Register(NamedFields(json::read(&body)?))).await
}

/// A client says how often flags were on for it.
#[utoipa::path(post, path = "/api/client/metrics", tag = "flags", operation_id = "unleash_metrics",
    request_body(content = serde_json::Value, description = "`appName`, `instanceId` and a `bucket` of counts"),
    responses(
        (status = 202, description = "it is counted"),
        (status = "default", description = "why it is not", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn metrics(
    State(edge): State<GatewayState>,
    call: Call,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let body = call.body(&headers, body, edge.config.body_bytes_max).await?;
    tell(&edge, &call, &Report(NamedFields(json::read(&body)?))).await
}

async fn tell<C: Command>(edge: &GatewayState, call: &Call, command: &C) -> Result<StatusCode, Problem> {
    let ask = troupe_runtime::transport::AskOne {
        to: Address::of::<Clients>(DOOR),
        verb: C::VERB.to_owned(),
        body: wire::encode(command),
        key: None,
    };
    edge.router.ask_raw(ask, call.left()?).await?;
    Ok(StatusCode::ACCEPTED)
}
