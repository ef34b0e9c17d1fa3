//! What tasks make.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use troupe_actors::metadata::runs::run_key;
use troupe_actors::metadata::tasks::{AddArtifacts, Artifact, NewArtifact, TaskView, Tasks, block_of};

use super::maker::Maker;
use super::paths::{OfArtifact, OfArtifactAttempt, OfAttempt, OfRun, OfStep, OfTask};
use super::rows::ArtifactsCreated;
use super::trouble::{Trouble, not_found};
use super::{rows, tasks as task_routes};
use crate::apis::metaflow::values::filed;
use crate::apis::runs::state::RunsState;
use crate::apis::runs::tasks;
use crate::apis::runs::tasks::{With, short};
use crate::edge::body::Body;
use crate::edge::call::Call;
use crate::edge::extract::Path;
use crate::edge::problem::ProblemBody;
use troupe_runtime::routing::tell;

const WITH: With = With { records: false, artifacts: true };

/// The newest attempt: of those that made an artifact or ended. An attempt that only began replaces none.
fn newest(task: &TaskView) -> Option<u32> {
    let made = task.artifacts.iter().map(|artifact| artifact.said.attempt);
    made.chain(task.attempt.map(|(ended, _)| ended)).max()
}

/// Artifacts of the newest attempt. Those of the attempts before it do not count.
fn latest(task: &TaskView) -> impl Iterator<Item = &Artifact> {
    let newest = newest(task);
    task.artifacts.iter().filter(move |artifact| Some(artifact.said.attempt) == newest)
}

fn rows_of(flow: &str, run: &str, found: &[TaskView]) -> Value {
    let rows = found
        .iter()
        .flat_map(|task| latest(task).map(move |artifact| rows::artifact(flow, run, task, artifact)));
    rows.collect()
}

/// What all tasks of a run made, each in its newest attempt.
#[utoipa::path(get, path = "/metaflow/flows/{flow}/runs/{run}/artifacts", tag = "metaflow", operation_id = "metaflow_list_run_artifacts", params(OfRun),
    responses((status = 200, description = "a list of artifacts", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn of_run(
    State(edge): State<RunsState>,
    call: Call,
    Path(path): Path<OfRun>,
) -> Result<Json<Value>, Trouble> {
    let view = tasks::run(&edge, &call, &path.flow, &path.run).await?;
    let found = tasks::of_run(&edge, &call, &view, None, WITH).await?;
    let found = filed(&edge, &path.flow, found).await;
    Ok(Json(rows_of(&path.flow, &path.run, &found)))
}

/// What the tasks of a step made, each in its newest attempt.
#[utoipa::path(get, path = "/metaflow/flows/{flow}/runs/{run}/steps/{step}/artifacts", tag = "metaflow", operation_id = "metaflow_list_step_artifacts", params(OfStep),
    responses((status = 200, description = "a list of artifacts", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn of_step(
    State(edge): State<RunsState>,
    call: Call,
    Path(path): Path<OfStep>,
) -> Result<Json<Value>, Trouble> {
    let found = task_routes::of_step(&edge, &call, &path, WITH).await?;
    let found = filed(&edge, &path.flow, found).await;
    Ok(Json(rows_of(&path.flow, &path.run, &found)))
}

/// What a task made in its newest attempt.
#[utoipa::path(get, path = "/metaflow/flows/{flow}/runs/{run}/steps/{step}/tasks/{task}/artifacts", tag = "metaflow", operation_id = "metaflow_list_artifacts", params(OfTask),
    responses((status = 200, description = "a list of artifacts", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn of_task(
    State(edge): State<RunsState>,
    call: Call,
    Path(path): Path<OfTask>,
) -> Result<Json<Value>, Trouble> {
    let task = task_routes::one(&edge, &call, &path, WITH).await?;
    Ok(Json(rows_of(&path.flow, &path.run, &filed(&edge, &path.flow, vec![task]).await)))
}

/// What a task made in one attempt.
#[utoipa::path(get, path = "/metaflow/flows/{flow}/runs/{run}/steps/{step}/tasks/{task}/attempt/{attempt}/artifacts", tag = "metaflow", operation_id = "metaflow_list_attempt_artifacts", params(OfAttempt),
    responses((status = 200, description = "a list of artifacts", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn of_attempt(
    State(edge): State<RunsState>,
    call: Call,
    Path(path): Path<OfAttempt>,
) -> Result<Json<Value>, Trouble> {
    let OfAttempt { flow, run, step, task, attempt } = path;
    let path = OfTask { flow, run, step, task };
    let task = task_routes::one(&edge, &call, &path, WITH).await?;
    let found = filed(&edge, &path.flow, vec![task]).await;
    let made = found.iter().flat_map(|task| task.artifacts.iter().map(move |artifact| (task, artifact)));
    let made = made.filter(|(_, artifact)| artifact.said.attempt == attempt);
    Ok(Json(made.map(|(task, artifact)| rows::artifact(&path.flow, &path.run, task, artifact)).collect()))
}

async fn named(
    edge: &RunsState,
    call: &Call,
    path: OfTask,
    name: &str,
    attempt: Option<u32>,
) -> Result<Json<Value>, Trouble> {
    let mut task = task_routes::one(edge, call, &path, WITH).await?;
    let attempt = attempt.or_else(|| newest(&task));
    let made = |artifact: &Artifact| artifact.said.name == name && Some(artifact.said.attempt) == attempt;
    task.artifacts.retain(made);
    let unknown = || {
        let why = match attempt {
            Some(attempt) => format!("attempt {attempt} of the task made no artifact {:?}", short(name)),
            None => format!("the task made no artifact {:?}", short(name)),
        };
        not_found("ARTIFACT_NOT_FOUND", "name", why)
    };
    let task = filed(edge, &path.flow, vec![task]).await.pop().ok_or_else(unknown)?;
    let found = task.artifacts.first().ok_or_else(unknown)?;
    Ok(Json(rows::artifact(&path.flow, &path.run, &task, found)))
}

/// An artifact of the newest attempt.
#[utoipa::path(get, path = "/metaflow/flows/{flow}/runs/{run}/steps/{step}/tasks/{task}/artifacts/{name}", tag = "metaflow", operation_id = "metaflow_get_artifact", params(OfArtifact),
    responses((status = 200, description = "the artifact", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn get(
    State(edge): State<RunsState>,
    call: Call,
    Path(path): Path<OfArtifact>,
) -> Result<Json<Value>, Trouble> {
    let OfArtifact { flow, run, step, task, name } = path;
    named(&edge, &call, OfTask { flow, run, step, task }, &name, None).await
}

/// An artifact, of one attempt.
#[utoipa::path(get, path = "/metaflow/flows/{flow}/runs/{run}/steps/{step}/tasks/{task}/artifacts/{name}/attempt/{attempt}", tag = "metaflow", operation_id = "metaflow_get_attempt_artifact", params(OfArtifactAttempt),
    responses((status = 200, description = "the artifact", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn get_attempt(
    State(edge): State<RunsState>,
    call: Call,
    Path(path): Path<OfArtifactAttempt>,
) -> Result<Json<Value>, Trouble> {
    let OfArtifactAttempt { flow, run, step, task, name, attempt } = path;
    named(&edge, &call, OfTask { flow, run, step, task }, &name, Some(attempt)).await
}

/// One thing that a task made; what else is in it is left alone.
#[derive(Debug, Deserialize)]
pub(crate) struct Product {
    name: String,
    #[serde(default)]
    attempt_id: u32,
    #[serde(default)]
    location: Option<String>,
    #[serde(default)]
    ds_type: Option<String>,
    #[serde(default)]
    sha: Option<String>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(flatten)]
    maker: Maker,
}

/// Adds what a task made; what an attempt made under a name stays as it was said first.
#[utoipa::path(post, path = "/metaflow/flows/{flow}/runs/{run}/steps/{step}/tasks/{task}/artifact", tag = "metaflow", operation_id = "metaflow_create_artifacts", params(OfTask),
    request_body(content = serde_json::Value, description = "a list of `name`, `sha`, `location`, `ds_type`, `content_type`, `attempt_id`"),
    responses((status = 200, description = "how many", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn create(
    State(edge): State<RunsState>,
    call: Call,
    Path(path): Path<OfTask>,
    Body { json: products, .. }: Body<Vec<Product>, Trouble>,
) -> Result<Json<Value>, Trouble> {
    let artifact = |product: Product| NewArtifact {
        attempt: product.attempt_id,
        name: product.name,
        location: product.location.unwrap_or_default(),
        ds_type: product.ds_type.unwrap_or_default(),
        sha: product.sha.unwrap_or_default(),
        kind: product.kind.unwrap_or_default(),
        content_type: product.content_type.unwrap_or_default(),
        made: product.maker.made(),
    };
    let block = block_of(&run_key(&path.flow, &path.run), &path.task);
    let artifacts = products.into_iter().map(artifact).collect();
    let add = AddArtifacts { step: path.step, task: path.task, artifacts };
    let kept = tell::<Tasks, AddArtifacts>(&edge.router, &block, &add, call.left()?).await?;
    Ok(Json(json!(ArtifactsCreated { artifacts_created: kept.count })))
}
