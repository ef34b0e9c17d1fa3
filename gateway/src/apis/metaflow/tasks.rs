//! Tasks.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use regex::RegexBuilder;
use serde::Deserialize;
use serde_json::Value;
use troupe_actors::metadata::runs::{NewTask, run_key};
use troupe_actors::metadata::tasks::{BeatTask, TaskView, Tasks, block_of};

use super::maker::{Id, Maker};
use super::paths::{OfStep, OfTask};
use super::runs::beaten;
use super::trouble::{Trouble, exists, not_found};
use super::{rows, steps};
use crate::apis::runs::asks;
use crate::apis::runs::state::RunsState;
use crate::apis::runs::tasks;
use crate::apis::runs::tasks::{With, short};
use crate::edge::body::Body;
use crate::edge::call::Call;
use crate::edge::extract::{Path, Query};
use crate::edge::problem::{Problem, ProblemBody};
use troupe_runtime::routing::tell;

/// Longest pattern that values are searched for, and the memory that it may take.
const PATTERN_BYTES_MAX: usize = 1_024;
const PATTERN_SIZE_MAX: usize = 1 << 20;

/// Tasks of a step, as they were made.
#[utoipa::path(get, path = "/metaflow/flows/{flow}/runs/{run}/steps/{step}/tasks", tag = "metaflow", operation_id = "metaflow_list_tasks", params(OfStep),
    responses((status = 200, description = "a list of tasks", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(edge): State<RunsState>,
    call: Call,
    Path(path): Path<OfStep>,
) -> Result<Json<Value>, Trouble> {
    let found = of_step(&edge, &call, &path, With::default()).await?;
    Ok(Json(found.iter().map(|task| rows::task(&path.flow, &path.run, task)).collect()))
}

pub(super) async fn of_step(
    edge: &RunsState,
    call: &Call,
    path: &OfStep,
    with: With,
) -> Result<Vec<TaskView>, Trouble> {
    let view = tasks::run(edge, call, &path.flow, &path.run).await?;
    steps::of(&view, &path.step)?;
    Ok(tasks::of_run(edge, call, &view, Some(&path.step), with).await?)
}

pub(super) async fn one(
    edge: &RunsState,
    call: &Call,
    path: &OfTask,
    with: With,
) -> Result<TaskView, Trouble> {
    let (run, task) = ((path.flow.as_str(), path.run.as_str()), (path.step.as_str(), path.task.as_str()));
    let found = tasks::one(edge, call, run, task, with).await?;
    let unknown = || format!("step {:?} of the run has no task {:?}", short(&path.step), short(&path.task));
    found.ok_or_else(|| not_found("TASK_NOT_FOUND", "task_id", unknown()))
}

/// A task.
#[utoipa::path(get, path = "/metaflow/flows/{flow}/runs/{run}/steps/{step}/tasks/{task}", tag = "metaflow", operation_id = "metaflow_get_task", params(OfTask),
    responses((status = 200, description = "the task", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn get(
    State(edge): State<RunsState>,
    call: Call,
    Path(path): Path<OfTask>,
) -> Result<Json<Value>, Trouble> {
    let task = one(&edge, &call, &path, With::default()).await?;
    Ok(Json(rows::task(&path.flow, &path.run, &task)))
}

/// By what tasks are searched.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Search {
    metadata_field_name: Option<String>,
    pattern: Option<String>,
}

/// The tasks of a step that said something, as `FLOW/RUN/STEP/TASK`; all of them where nothing is searched for.
#[utoipa::path(get, path = "/metaflow/flows/{flow}/runs/{run}/steps/{step}/filtered_tasks", tag = "metaflow", operation_id = "metaflow_filter_tasks",
    params(OfStep, ("metadata_field_name" = Option<String>, Query, description = "under this name"),
        ("pattern" = Option<String>, Query, description = "a regular expression that its value matches somewhere")),
    responses((status = 200, description = "a list of paths", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn filtered(
    State(edge): State<RunsState>,
    call: Call,
    Path(path): Path<OfStep>,
    Query(search): Query<Search>,
) -> Result<Json<Vec<String>>, Trouble> {
    let pattern = search.pattern.as_deref().unwrap_or_default();
    let bad =
        |why: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "BAD_PATTERN", why).field("pattern");
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(bad(format!("pattern must be at most {PATTERN_BYTES_MAX} bytes")).into());
    }
    let pattern = RegexBuilder::new(pattern)
        .size_limit(PATTERN_SIZE_MAX)
        .build()
        .map_err(|error| bad(format!("pattern is not a supported regular expression: {error}")))?;
    let all = search.metadata_field_name.is_none() && search.pattern.is_none();
    let found = of_step(&edge, &call, &path, With { records: !all, artifacts: false }).await?;
    let said = |task: &&TaskView| {
        all || task.records.iter().any(|record| {
            search.metadata_field_name.as_ref().is_none_or(|name| *name == record.said.field)
                && pattern.is_match(&record.said.value)
        })
    };
    let path_of = |task: &TaskView| format!("{}/{}/{}/{}", path.flow, path.run, path.step, task.task);
    Ok(Json(found.iter().filter(said).map(path_of).collect()))
}

/// A task that is to be made.
#[derive(Debug, Deserialize)]
pub(crate) struct New {
    #[serde(default)]
    task_id: Option<Id>,
    #[serde(flatten)]
    maker: Maker,
}

/// Makes a task.
#[utoipa::path(post, path = "/metaflow/flows/{flow}/runs/{run}/steps/{step}/task", tag = "metaflow", operation_id = "metaflow_create_task", params(OfStep),
    request_body(content = serde_json::Value, description = "`user_name`, `tags`, `system_tags`; `task_id` for a task with a name of its own"),
    responses((status = 200, description = "the task", body = serde_json::Value),
        (status = 409, description = "there is one of that name", body = ProblemBody, content_type = "application/problem+json"),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn create(
    State(edge): State<RunsState>,
    call: Call,
    Path(path): Path<OfStep>,
    Body { json: new, .. }: Body<New, Trouble>,
) -> Result<Json<Value>, Trouble> {
    let id = new.task_id.map(|id| id.text("task_id")).transpose()?;
    let run = (path.flow.as_str(), path.run.as_str());
    if let Some(id) = &id
        && tasks::one(&edge, &call, run, (&path.step, id), With::default()).await?.is_some()
    {
        return Err(exists("task_id", format!("the step has a task {:?}: get it", short(id))));
    }
    let made = new.maker.made();
    let asked = NewTask { step: path.step.clone(), id, made: made.clone() };
    let task = asks::new_task(&edge, &call, &run_key(&path.flow, &path.run), &asked).await?;
    let view = TaskView {
        task: task.task,
        step: path.step,
        made,
        at: task.at,
        beat: task.at,
        records: Vec::new(),
        artifacts: Vec::new(),
        attempt: None,
    };
    Ok(Json(rows::task(&path.flow, &path.run, &view)))
}

/// Says that a task is alive.
#[utoipa::path(post, path = "/metaflow/flows/{flow}/runs/{run}/steps/{step}/tasks/{task}/heartbeat", tag = "metaflow", operation_id = "metaflow_beat_task", params(OfTask),
    responses((status = 200, description = "JSON in a JSON text: when to beat again", body = String),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn beat(
    State(edge): State<RunsState>,
    call: Call,
    Path(path): Path<OfTask>,
) -> Result<Json<String>, Trouble> {
    let block = block_of(&run_key(&path.flow, &path.run), &path.task);
    let beat = BeatTask { step: path.step, task: path.task };
    tell::<Tasks, BeatTask>(&edge.router, &block, &beat, call.left()?).await?;
    Ok(beaten(&edge))
}
