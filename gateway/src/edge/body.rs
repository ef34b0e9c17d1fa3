//! Bodies of requests, and ids for what they create.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use troupe_runtime::Timestamp;

use super::call::Call;
use super::json;
use super::problem::Problem;
use super::state::GatewayState;

pub(crate) fn fresh_id() -> String {
    // The hasher's keys are drawn from the system for each process, and differ for each state.
    format!("{:x}-{:016x}", Timestamp::wall().0, RandomState::new().build_hasher().finish())
}

pub(crate) async fn body<T: serde::de::DeserializeOwned>(
    edge: &GatewayState,
    call: &Call,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Problem> {
    let bytes: Bytes = call.body(headers, body, edge.config.body_bytes_max).await?;
    json::read(&bytes)
}
