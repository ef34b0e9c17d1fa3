//! The read routes of the API.

use std::convert::Infallible;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use futures::stream::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_stream::wrappers::WatchStream;
use troupe_runtime::Address;
use troupe_runtime::observe::{EntityView, KeyRange};
use troupe_runtime::text::cut;

use super::health::Health;
use super::problem::Problem;
use super::seen::Seen;
use super::snapshot::{ClusterView, JournalView};
use super::state::ConsoleState;
use crate::tree::TreeView;

/// Default number of listed keys.
const KEYS_DEFAULT: u32 = 50;

#[derive(Deserialize)]
pub(super) struct Records {
    limit: Option<u32>,
    /// Only records with a subject that contains this text.
    about: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Prefix {
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    after: String,
    limit: Option<u32>,
}

#[derive(Serialize)]
pub(super) struct Keys {
    kind: String,
    prefix: String,
    keys: Vec<String>,
    /// The `after` of the next page; `None` on the last page.
    next: Option<String>,
}

pub(super) async fn cluster(State(console): State<ConsoleState>) -> Json<ClusterView> {
    Json(console.looker.cluster().await)
}

pub(super) async fn health(State(console): State<ConsoleState>) -> Json<Health> {
    Json(console.looker.cluster().await.health)
}

pub(super) async fn tree(State(console): State<ConsoleState>) -> Json<Vec<Seen<TreeView>>> {
    Json(console.looker.tree().await)
}

pub(super) async fn journal(
    State(console): State<ConsoleState>,
    query: Result<Query<Records>, QueryRejection>,
) -> Result<Json<JournalView>, Problem> {
    let Query(Records { limit, about }) = query.map_err(bad_query)?;
    let most = console.looker.config.journal_max;
    Ok(Json(console.looker.journal(limit.unwrap_or(most).min(most), about.as_deref()).await))
}

pub(super) async fn keys(
    State(console): State<ConsoleState>,
    Path(kind): Path<String>,
    query: Result<Query<Prefix>, QueryRejection>,
) -> Result<Json<Keys>, Problem> {
    let Query(Prefix { prefix, after, limit }) = query.map_err(bad_query)?;
    let limit = limit.unwrap_or(KEYS_DEFAULT).min(console.looker.config.keys_max);
    let range = KeyRange { kind: kind.clone(), prefix: prefix.clone(), after, limit };
    let keys = console.looker.within(console.looker.inspect.keys(range)).await?;
    let next = (keys.len() >= limit as usize).then(|| keys.last().cloned()).flatten();
    Ok(Json(Keys { kind, prefix, keys, next }))
}

/// An entity, with its state as JSON.
pub(super) async fn entity(
    State(console): State<ConsoleState>,
    Path((kind, key)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let address = Address::parse_parts(&kind, &key)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "BAD_KEY", error.to_string()))?;
    shown(console.looker.within(console.looker.inspect.entity(address)).await?)
}

/// Converts an entity's view to JSON.
pub(super) fn shown(view: EntityView) -> Result<Json<Value>, Problem> {
    let state = serde_json::from_str(&view.state).unwrap_or_else(|_| Value::String(view.state.clone()));
    let mut json = serde_json::to_value(&view).map_err(|error| {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "NOT_SHOWN",
            format!("this entity cannot be shown as JSON: {error}"),
        )
    })?;
    json["state"] = state;
    Ok(Json(json))
}

pub(super) async fn stream(
    State(console): State<ConsoleState>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let Some(frames) = console.feed.watch() else {
        let full = "console.streams_max clients are connected: close one, or raise the limit";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "TOO_MANY_STREAMS", full).retryable());
    };
    let mut stopping = console.stopping.clone();
    // An error means that the server is gone; the stream ends in either case.
    let stopped = async move {
        let _ = stopping.wait_for(|stopping| *stopping).await;
    };
    let events = WatchStream::new(frames)
        .filter_map(async |frame| frame.map(|json| Ok(Event::default().event("snapshot").data(&*json))))
        .take_until(Box::pin(stopped));
    Ok(Sse::new(events.boxed()).keep_alive(KeepAlive::default()))
}

pub(super) async fn metrics(State(console): State<ConsoleState>) -> Response {
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], (console.metrics)()).into_response()
}

pub(super) async fn not_found(uri: axum::http::Uri) -> Problem {
    let path = cut(uri.path(), 128);
    Problem::new(StatusCode::NOT_FOUND, "NO_SUCH_ROUTE", format!("unknown route {path:?}: see /"))
}

pub(super) async fn method_not_allowed(method: axum::http::Method) -> Problem {
    let detail = format!("this route does not support {method}");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", detail)
}

fn bad_query(rejection: QueryRejection) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "BAD_QUERY", rejection.body_text())
}
