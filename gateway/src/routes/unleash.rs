//! The door for Unleash's client SDKs, at the paths that they know: they fetch all flags, evaluate them by themselves,
//! and say from time to time who they are and what they served.
//!
//! The SDKs' base URL is this edge with `/api`.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use troupe_actors::NamedFields;
use troupe_actors::experimentation::clients::{Clients, Register, Report};
use troupe_actors::experimentation::flags;
use troupe_runtime::{Address, Command, wire};
use xxhash_rust::xxh3::xxh3_64;

use crate::call::Call;
use crate::json;
use crate::problem::{Problem, ProblemBody};
use crate::server::Edge;

/// The entity that knows the clients of this door.
const DOOR: &str = "unleash";

/// All flags of Unleash's clients, as they evaluate them.
#[utoipa::path(get, path = "/api/client/features", tag = "flags", operation_id = "unleash_features",
    params(("If-None-Match" = Option<String>, Header, description = "the `ETag` of what the client has")),
    responses(
        (status = 200, description = "the flags, with an `ETag`", body = serde_json::Value),
        (status = 304, description = "the client has them"),
    ))]
pub(crate) async fn features(State(edge): State<Edge>, headers: HeaderMap) -> Response {
    let body = flags::unleash_features(&edge.globals).to_string();
    tagged(&headers, body, "application/json")
}

/// A body with its tag, or nothing for whoever has it already.
pub(super) fn tagged(headers: &HeaderMap, body: String, kind: &'static str) -> Response {
    let tag = format!("\"{:016x}\"", xxh3_64(body.as_bytes()));
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    // Proxies weaken tags; the text is the same.
    let has = |known: &str| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag);
    let tag_value = HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""));
    if known.is_some_and(has) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, tag_value)]).into_response();
    }
    let kind = HeaderValue::from_static(kind);
    ([(header::ETAG, tag_value), (header::CONTENT_TYPE, kind)], body).into_response()
}

/// A client says who it is.
#[utoipa::path(post, path = "/api/client/register", tag = "flags", operation_id = "unleash_register",
    request_body(content = serde_json::Value, description = "`appName`, `instanceId`, `sdkVersion`, `started`, `interval`"),
    responses(
        (status = 202, description = "it is known"),
        (status = "default", description = "why it is not", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn register(
    State(edge): State<Edge>,
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
    State(edge): State<Edge>,
    call: Call,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let body = call.body(&headers, body, edge.config.body_bytes_max).await?;
    tell(&edge, &call, &Report(NamedFields(json::read(&body)?))).await
}

async fn tell<C: Command>(edge: &Edge, call: &Call, command: &C) -> Result<StatusCode, Problem> {
    let ask = troupe_runtime::transport::AskOne {
        to: Address::of::<Clients>(DOOR),
        verb: C::VERB.to_owned(),
        body: wire::encode(command),
        key: None,
    };
    edge.router.ask_raw(ask, call.left()?).await?;
    Ok(StatusCode::ACCEPTED)
}
