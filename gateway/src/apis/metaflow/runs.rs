//! Runs.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};
use troupe_actors::metadata::flows::{Flow, ListRuns, RunSummary, StartRun};
use troupe_actors::metadata::runs::{Beat, GetStanding, MutateTags, Run, StandingView, Status, run_key};
use troupe_runtime::transport::AskOne;
use troupe_runtime::{Address, AskError, Query as _, wire};

use super::filter::Wanted;
use super::maker::{Id, Maker};
use super::paths::{OfFlow, OfRun};
use super::trouble::Trouble;
use super::{flows, rows};
use crate::apis::runs::config::millis;
use crate::apis::runs::state::RunsState;
use crate::apis::runs::{asks, tasks};
use crate::edge::body::Body;
use crate::edge::call::Call;
use crate::edge::extract::{Path, Query};
use crate::edge::problem::ProblemBody;
use troupe_runtime::routing::{ask, tell};

/// Runs of one page of a flow.
const PAGE: u64 = 500;

/// Seconds between beats, and how many of them fit into the silence after which a run has failed.
const WAIT_S: u64 = 10;
const BEATS: u64 = 6;

/// A page of a flow's runs. Those that are at work are asked how they are: the flow hears only of changes.
async fn page(
    edge: &RunsState,
    call: &Call,
    flow: &str,
    before: Option<u64>,
) -> Result<Vec<RunSummary>, Trouble> {
    let list = ListRuns { before, limit: PAGE };
    let mut page = ask::<Flow, ListRuns>(&edge.router, flow, &list, call.left()?).await?;
    let running = |run: &&mut RunSummary| run.status == Status::Running;
    let asks = page.iter_mut().filter(running).map(|run| AskOne {
        to: Address::of::<Run>(run_key(flow, &run.run)),
        verb: GetStanding::VERB.to_owned(),
        body: wire::encode(&GetStanding {}),
        key: None,
    });
    let answers = edge.router.ask_many(asks.collect(), call.left()?).await;
    for (run, answer) in page.iter_mut().filter(running).zip(answers) {
        let view: StandingView = wire::decode(&answer?).map_err(AskError::Fault)?;
        run.beat = view.beat;
        run.status = view.standing.status;
        run.why = view.standing.why;
        run.ended = view.standing.ended;
    }
    Ok(page)
}

/// Runs of a flow, newest first: all of them, or a page of those that `field:op=value`, `_tags:any` and `_tags:all` want.
#[utoipa::path(get, path = "/metaflow/flows/{flow}/runs", tag = "metaflow", operation_id = "metaflow_list_runs",
    params(OfFlow, ("_limit" = Option<u64>, Query, description = "at most so many; 50 if absent, 500 at most"),
        ("_cursor" = Option<String>, Query, description = "the `X-Next-Cursor` of the page before"),
        ("status" = Option<String>, Query, description = "`running`, `completed`, `failed`, or several with commas")),
    responses((status = 200, description = "a list of runs, with `X-Next-Cursor` where there are more", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(edge): State<RunsState>,
    call: Call,
    Path(path): Path<OfFlow>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<(HeaderMap, Json<Value>), Trouble> {
    let wanted = Wanted::read(&pairs)?;
    flows::viewed(&edge, &call, &path.flow).await?;
    let limit = if wanted.all { usize::MAX } else { usize::try_from(wanted.limit).unwrap_or(usize::MAX) };
    let mut before = wanted.before;
    let mut found = Vec::new();
    let mut next = None;
    'pages: loop {
        let page = page(&edge, &call, &path.flow, before).await?;
        let last = (page.len() as u64) < PAGE;
        for run in &page {
            let row = rows::listed(&path.flow, run);
            if !wanted.takes(&row) {
                continue;
            }
            if found.len() == limit {
                next = before;
                break 'pages;
            }
            found.push(row);
            before = Some(run.number);
        }
        before = page.last().map(|run| run.number);
        if last {
            break;
        }
    }
    let mut headers = HeaderMap::new();
    if !wanted.all {
        headers.insert("x-limit", HeaderValue::from(wanted.limit));
        if let Some(next) = next {
            headers.insert("x-next-cursor", HeaderValue::from(next));
        }
    }
    Ok((headers, Json(Value::Array(found))))
}

/// A run, with `status` and `status_reason`.
#[utoipa::path(get, path = "/metaflow/flows/{flow}/runs/{run}", tag = "metaflow", operation_id = "metaflow_get_run", params(OfRun),
    responses((status = 200, description = "the run", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn get(
    State(edge): State<RunsState>,
    call: Call,
    Path(path): Path<OfRun>,
) -> Result<Json<Value>, Trouble> {
    Ok(Json(rows::run(&path.flow, &tasks::run(&edge, &call, &path.flow, &path.run).await?)))
}

/// A run that is to begin; some clients say its name as its number.
#[derive(Debug, Deserialize)]
pub(crate) struct NewRun {
    #[serde(default)]
    run_number: Option<Id>,
    #[serde(default)]
    run_id: Option<Id>,
    #[serde(flatten)]
    maker: Maker,
}

/// Begins a run.
#[utoipa::path(post, path = "/metaflow/flows/{flow}/run", tag = "metaflow", operation_id = "metaflow_create_run", params(OfFlow),
    request_body(content = serde_json::Value, description = "`user_name`, `tags`, `system_tags`; `run_number` for a run with a name of its own"),
    responses((status = 200, description = "the run", body = serde_json::Value),
        (status = 409, description = "there is one of that name", body = ProblemBody, content_type = "application/problem+json"),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn create(
    State(edge): State<RunsState>,
    call: Call,
    Path(path): Path<OfFlow>,
    Body { json: new, .. }: Body<NewRun, Trouble>,
) -> Result<Json<Value>, Trouble> {
    let id = new.run_number.or(new.run_id).map(|id| id.text("run_number")).transpose()?;
    let start = StartRun {
        id,
        made: new.maker.made(),
        silence_ms: millis(edge.own.metadata.inactive_after),
        ..StartRun::default()
    };
    let started = asks::start(&edge, &call, &path.flow, start).await?;
    Ok(Json(rows::run(&path.flow, &tasks::run(&edge, &call, &path.flow, &started.run).await?)))
}

/// Says that a run is alive.
#[utoipa::path(post, path = "/metaflow/flows/{flow}/runs/{run}/heartbeat", tag = "metaflow", operation_id = "metaflow_beat_run", params(OfRun),
    responses((status = 200, description = "JSON in a JSON text: when to beat again", body = String),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn beat(
    State(edge): State<RunsState>,
    call: Call,
    Path(path): Path<OfRun>,
) -> Result<Json<String>, Trouble> {
    tell::<Run, Beat>(&edge.router, &run_key(&path.flow, &path.run), &Beat {}, call.left()?).await?;
    Ok(beaten(&edge))
}

/// What a beat is answered: JSON in a JSON text, for the client decodes it twice.
pub(super) fn beaten(edge: &RunsState) -> Json<String> {
    let wait = (edge.own.metadata.inactive_after.as_secs() / BEATS).clamp(1, WAIT_S);
    Json(format!("{{\"wait_time_in_seconds\": {wait}}}"))
}

/// Tags to add and to remove.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Mutation {
    tags_to_add: Vec<String>,
    tags_to_remove: Vec<String>,
}

/// Adds and removes tags of a run.
#[utoipa::path(patch, path = "/metaflow/flows/{flow}/runs/{run}/tag/mutate", tag = "metaflow", operation_id = "metaflow_mutate_tags", params(OfRun),
    request_body(content = serde_json::Value, description = "`tags_to_add` and `tags_to_remove`"),
    responses((status = 200, description = "all its tags", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn mutate_tags(
    State(edge): State<RunsState>,
    call: Call,
    Path(path): Path<OfRun>,
    Body { json: asked, .. }: Body<Mutation, Trouble>,
) -> Result<Json<Value>, Trouble> {
    let mutate = MutateTags { add: asked.tags_to_add, remove: asked.tags_to_remove };
    let key = run_key(&path.flow, &path.run);
    let held = tell::<Run, MutateTags>(&edge.router, &key, &mutate, call.left()?).await?;
    Ok(Json(json!({ "tags": held.tags })))
}
