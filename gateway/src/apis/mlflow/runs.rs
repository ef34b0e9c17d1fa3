//! Runs, and what is logged of them.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use troupe_actors::metadata::flows::{Flow, GetFlow, Made, StartRun};
use troupe_actors::metadata::metrics::{Curves, GetCurve, bucket_of};
use troupe_actors::metadata::runs::{DropNote, Finish, Log, Point, Run, Status, Value as Named};
use troupe_runtime::Timestamp;

use super::list::{no_token, token};
use super::{Answer, Body, Queried, Tag, Trouble, Whole, bad, experiments, ids, render};
use crate::apis::runs::config::millis;
use crate::apis::runs::state::RunsState;
use crate::apis::runs::{asks, tasks};
use crate::edge::call::Call;
use troupe_runtime::routing::{ask, tell};

/// Points of one answer.
const POINTS_MAX: i64 = 25_000;

/// A run that is to begin.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct New {
    experiment_id: Option<String>,
    user_id: Option<String>,
    run_name: Option<String>,
    tags: Vec<Tag>,
}

pub(super) async fn shown(edge: &RunsState, call: &Call, id: &str) -> Result<Value, Trouble> {
    let (flow, run) = ids::read(id)?;
    let view = tasks::run(edge, call, &flow, &run).await?;
    let of = ask::<Flow, GetFlow>(&edge.router, &flow, &GetFlow {}, call.left()?).await?;
    Ok(render::run(&of, &view))
}

/// Begins a run.
#[utoipa::path(post, path = "/api/2.0/mlflow/runs/create", tag = "mlflow", operation_id = "mlflow_create_run",
    request_body(content = serde_json::Value, description = "`experiment_id`, `run_name`, `user_id`, `tags`"),
    responses((status = 200, description = "the run", body = serde_json::Value), Trouble))]
pub(crate) async fn create(State(edge): State<RunsState>, Body { call, json: new, .. }: Body<New>) -> Answer {
    let experiment = new.experiment_id.unwrap_or_else(|| ids::experiment(ids::DEFAULT).to_owned());
    experiments::active(&edge, &call, &experiment).await?;
    let mut notes: std::collections::BTreeMap<String, String> =
        new.tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    let title = notes.remove(render::RUN_NAME).or(new.run_name).filter(|name| !name.is_empty());
    let user = new.user_id.filter(|user| !user.is_empty());
    let start = StartRun {
        id: None,
        made: Made { user, ..Made::default() },
        silence_ms: millis(edge.own.metadata.silent_after),
        title,
        notes,
    };
    let flow = ids::flow(&experiment);
    let started = asks::start(&edge, &call, flow, start).await?;
    Ok(Json(json!({ "run": shown(&edge, &call, &ids::run(flow, &started.run)).await? })))
}

/// Which run; clients of old call its id otherwise.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Which {
    run_id: Option<String>,
    run_uuid: Option<String>,
}

impl Which {
    fn id(self) -> Result<String, Trouble> {
        let given = self.run_id.or(self.run_uuid).filter(|id| !id.is_empty());
        given.ok_or_else(|| bad("run_id", "run_id must say which run"))
    }
}

/// A run.
#[utoipa::path(get, path = "/api/2.0/mlflow/runs/get", tag = "mlflow", operation_id = "mlflow_get_run",
    params(("run_id" = String, Query, description = "its id")),
    responses((status = 200, description = "the run", body = serde_json::Value), Trouble))]
pub(crate) async fn get(State(edge): State<RunsState>, Queried(call, which): Queried<Which>) -> Answer {
    Ok(Json(json!({ "run": shown(&edge, &call, &which.id()?).await? })))
}

/// The key of a run whose experiment is not deleted. The run itself refuses what a deleted run does not take.
async fn writable(edge: &RunsState, call: &Call, which: Which) -> Result<String, Trouble> {
    let id = which.id()?;
    let (flow, _) = ids::read(&id)?;
    if ask::<Flow, GetFlow>(&edge.router, &flow, &GetFlow {}, call.left()?).await?.deleted {
        return Err(bad("run_id", "the run's experiment was deleted: restore it first"));
    }
    ids::key(&id)
}

/// What becomes of a run.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Update {
    #[serde(flatten)]
    which: Which,
    status: Option<String>,
    end_time: Option<Whole>,
    run_name: Option<String>,
}

/// Says how a run is, or names it.
#[utoipa::path(post, path = "/api/2.0/mlflow/runs/update", tag = "mlflow", operation_id = "mlflow_update_run",
    request_body(content = serde_json::Value, description = "`run_id`, `status`, `end_time`, `run_name`"),
    responses((status = 200, description = "`run_info`", body = serde_json::Value), Trouble))]
pub(crate) async fn update(
    State(edge): State<RunsState>,
    Body { call, json: update, .. }: Body<Update>,
) -> Answer {
    let id = update.which.clone().id()?;
    let status = match update.status.as_deref() {
        None => None,
        Some("RUNNING" | "SCHEDULED") => Some(Status::Running),
        Some("FINISHED") => Some(Status::Completed),
        Some("FAILED" | "KILLED") => Some(Status::Failed),
        Some(_) => {
            return Err(bad("status", "status must be RUNNING, SCHEDULED, FINISHED, FAILED or KILLED"));
        }
    };
    let ended = match update.end_time {
        Some(end) => u64::try_from(end.read("end_time")?).ok().filter(|end| *end > 0).map(Timestamp),
        None => None,
    };
    let word = update.status.unwrap_or_default();
    let title = update.run_name.filter(|name| !name.is_empty());
    let finish = Finish { status, word, ended, title, deleted: None };
    let key = writable(&edge, &call, update.which).await?;
    tell::<Run, Finish>(&edge.router, &key, &finish, call.left()?).await?;
    Ok(Json(json!({ "run_info": shown(&edge, &call, &id).await?["info"] })))
}

async fn aside(edge: &RunsState, call: &Call, which: Which, deleted: bool) -> Answer {
    let finish = Finish { deleted: Some(deleted), ..Finish::default() };
    tell::<Run, Finish>(&edge.router, &ids::key(&which.id()?)?, &finish, call.left()?).await?;
    Ok(Json(json!({})))
}

/// Puts a run aside.
#[utoipa::path(post, path = "/api/2.0/mlflow/runs/delete", tag = "mlflow", operation_id = "mlflow_delete_run",
    request_body(content = serde_json::Value, description = "`run_id`"),
    responses((status = 200, description = "nothing", body = serde_json::Value), Trouble))]
pub(crate) async fn delete(
    State(edge): State<RunsState>,
    Body { call, json: which, .. }: Body<Which>,
) -> Answer {
    aside(&edge, &call, which, true).await
}

/// Takes a run up again.
#[utoipa::path(post, path = "/api/2.0/mlflow/runs/restore", tag = "mlflow", operation_id = "mlflow_restore_run",
    request_body(content = serde_json::Value, description = "`run_id`"),
    responses((status = 200, description = "nothing", body = serde_json::Value), Trouble))]
pub(crate) async fn restore(
    State(edge): State<RunsState>,
    Body { call, json: which, .. }: Body<Which>,
) -> Answer {
    aside(&edge, &call, which, false).await
}

/// A figure, as clients send it.
#[derive(Debug, Deserialize)]
pub(crate) struct Figure {
    key: String,
    value: Value,
    #[serde(default)]
    timestamp: Option<Whole>,
    #[serde(default)]
    step: Option<Whole>,
}

impl Figure {
    fn point(self) -> Result<(String, Point), Trouble> {
        let value = match &self.value {
            Value::Number(number) => number.as_f64(),
            // As protocol buffers write what JSON cannot.
            Value::String(text) => text.parse::<f64>().ok(),
            _ => None,
        };
        let value = value.ok_or_else(|| bad("value", "value must be a number"))?;
        let at = self.timestamp.map_or(Ok(0), |at| at.read("timestamp"))?;
        let step = self.step.map_or(Ok(0), |step| step.read("step"))?;
        Ok((self.key, Point { value, at: Timestamp(u64::try_from(at).unwrap_or(0)), step }))
    }
}

/// What is logged at once.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Batch {
    #[serde(flatten)]
    which: Which,
    metrics: Vec<Figure>,
    params: Vec<Tag>,
    tags: Vec<Tag>,
}

fn named(tags: Vec<Tag>) -> Vec<Named> {
    tags.into_iter().map(|tag| Named { key: tag.key, value: tag.value }).collect()
}

async fn log(edge: &RunsState, call: &Call, which: Which, mut log: Log) -> Answer {
    let key = writable(edge, call, which).await?;
    // A run's name is a field of its own, not a tag.
    if let Some(at) = log.notes.iter().position(|note| note.key == render::RUN_NAME) {
        let finish = Finish { title: Some(log.notes.swap_remove(at).value), ..Finish::default() };
        tell::<Run, Finish>(&edge.router, &key, &finish, call.left()?).await?;
    }
    if log != Log::default() {
        tell::<Run, Log>(&edge.router, &key, &log, call.left()?).await?;
    }
    Ok(Json(json!({})))
}

/// Logs figures, parameters and values.
#[utoipa::path(post, path = "/api/2.0/mlflow/runs/log-batch", tag = "mlflow", operation_id = "mlflow_log_batch",
    request_body(content = serde_json::Value, description = "`run_id`, `metrics`, `params`, `tags`"),
    responses((status = 200, description = "nothing", body = serde_json::Value), Trouble))]
pub(crate) async fn log_batch(
    State(edge): State<RunsState>,
    Body { call, json: batch, .. }: Body<Batch>,
) -> Answer {
    let metrics = batch.metrics.into_iter().map(Figure::point).collect::<Result<_, _>>()?;
    let all = Log { metrics, params: named(batch.params), notes: named(batch.tags) };
    log(&edge, &call, batch.which, all).await
}

/// A figure of a run.
#[derive(Debug, Deserialize)]
pub(crate) struct LogMetric {
    #[serde(flatten)]
    which: Which,
    #[serde(flatten)]
    figure: Figure,
}

/// Logs a figure.
#[utoipa::path(post, path = "/api/2.0/mlflow/runs/log-metric", tag = "mlflow", operation_id = "mlflow_log_metric",
    request_body(content = serde_json::Value, description = "`run_id`, `key`, `value`, `timestamp`, `step`"),
    responses((status = 200, description = "nothing", body = serde_json::Value), Trouble))]
pub(crate) async fn log_metric(
    State(edge): State<RunsState>,
    Body { call, json: request, .. }: Body<LogMetric>,
) -> Answer {
    let one = Log { metrics: vec![request.figure.point()?], ..Log::default() };
    log(&edge, &call, request.which, one).await
}

/// A value of a run.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Say {
    #[serde(flatten)]
    which: Which,
    #[serde(flatten)]
    tag: Tag,
}

/// Logs a parameter; one that is there keeps its value.
#[utoipa::path(post, path = "/api/2.0/mlflow/runs/log-parameter", tag = "mlflow", operation_id = "mlflow_log_parameter",
    request_body(content = serde_json::Value, description = "`run_id`, `key`, `value`"),
    responses((status = 200, description = "nothing", body = serde_json::Value), Trouble))]
pub(crate) async fn log_parameter(
    State(edge): State<RunsState>,
    Body { call, json: request, .. }: Body<Say>,
) -> Answer {
    log(&edge, &call, request.which, Log { params: named(vec![request.tag]), ..Log::default() }).await
}

/// Says a value of a run.
#[utoipa::path(post, path = "/api/2.0/mlflow/runs/set-tag", tag = "mlflow", operation_id = "mlflow_set_tag",
    request_body(content = serde_json::Value, description = "`run_id`, `key`, `value`"),
    responses((status = 200, description = "nothing", body = serde_json::Value), Trouble))]
pub(crate) async fn set_tag(
    State(edge): State<RunsState>,
    Body { call, json: request, .. }: Body<Say>,
) -> Answer {
    log(&edge, &call, request.which, Log { notes: named(vec![request.tag]), ..Log::default() }).await
}

/// Takes a value of a run away.
#[utoipa::path(post, path = "/api/2.0/mlflow/runs/delete-tag", tag = "mlflow", operation_id = "mlflow_delete_tag",
    request_body(content = serde_json::Value, description = "`run_id`, `key`"),
    responses((status = 200, description = "nothing", body = serde_json::Value), Trouble))]
pub(crate) async fn delete_tag(
    State(edge): State<RunsState>,
    Body { call, json: request, .. }: Body<Say>,
) -> Answer {
    let key = writable(&edge, &call, request.which).await?;
    tell::<Run, DropNote>(&edge.router, &key, &DropNote { key: request.tag.key }, call.left()?).await?;
    Ok(Json(json!({})))
}

/// Which figures.
#[derive(Debug, Deserialize)]
pub(crate) struct History {
    run_id: Option<String>,
    run_uuid: Option<String>,
    metric_key: String,
    page_token: Option<String>,
    max_results: Option<i64>,
}

/// All figures of a name, in the order in which they came.
#[utoipa::path(get, path = "/api/2.0/mlflow/metrics/get-history", tag = "mlflow", operation_id = "mlflow_metric_history",
    params(("run_id" = String, Query, description = "the run"), ("metric_key" = String, Query, description = "the name"),
        ("page_token" = Option<String>, Query, description = "where the page begins"),
        ("max_results" = Option<i64>, Query, description = "at most so many")),
    responses((status = 200, description = "`metrics` and `next_page_token`", body = serde_json::Value), Trouble))]
pub(crate) async fn history(
    State(edge): State<RunsState>,
    Queried(call, request): Queried<History>,
) -> Answer {
    let id = Which { run_id: request.run_id, run_uuid: request.run_uuid }.id()?;
    let (flow, run) = ids::read(&id)?;
    tasks::run(&edge, &call, &flow, &run).await?;
    let from = token(request.page_token.as_deref()).map_or(Ok(0), |token| token.parse::<u64>());
    let from = from.map_err(|_| no_token())?;
    let limit = u64::try_from(request.max_results.unwrap_or(POINTS_MAX).clamp(1, POINTS_MAX)).unwrap_or(1);
    let bucket = bucket_of(&ids::key(&id)?, &request.metric_key);
    let wanted = GetCurve { name: request.metric_key.clone(), from, limit: Some(limit) };
    let curve = ask::<Curves, GetCurve>(&edge.router, &bucket, &wanted, call.left()?).await?;
    let metrics: Vec<Value> =
        curve.points.iter().map(|point| render::metric(&request.metric_key, point)).collect();
    let next = from + metrics.len() as u64;
    let next = (next < curve.held).then(|| next.to_string());
    Ok(Json(json!({ "metrics": metrics, "next_page_token": next })))
}

/// Artifacts of a run: they are where its client put them, of which nothing is known here.
#[utoipa::path(get, path = "/api/2.0/mlflow/artifacts/list", tag = "mlflow", operation_id = "mlflow_list_artifacts",
    params(("run_id" = String, Query, description = "the run")),
    responses((status = 200, description = "`root_uri`, and no files", body = serde_json::Value), Trouble))]
pub(crate) async fn artifacts(State(edge): State<RunsState>, Queried(call, which): Queried<Which>) -> Answer {
    let run = shown(&edge, &call, &which.id()?).await?;
    Ok(Json(json!({ "root_uri": run["info"]["artifact_uri"], "files": [] })))
}
