//! What tasks say of themselves.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::Value;
use troupe_actors::metadata::runs::run_key;
use troupe_actors::metadata::tasks::{NewRecord, NoteTask, Tasks, block_of};

use super::paths::{OfRun, OfTask};
use super::rows::MetadataCreated;
use super::trouble::Trouble;
use super::{rows, tasks as task_routes};
use crate::apis::runs::state::RunsState;
use crate::apis::runs::tasks;
use crate::apis::runs::tasks::With;
use crate::edge::body::Body;
use crate::edge::call::Call;
use crate::edge::extract::Path;
use crate::edge::problem::ProblemBody;
use troupe_runtime::routing::tell;

const WITH: With = With { records: true, artifacts: false };

/// What a task said of itself, oldest first.
#[utoipa::path(get, path = "/metaflow/flows/{flow}/runs/{run}/steps/{step}/tasks/{task}/metadata", tag = "metaflow", operation_id = "metaflow_list_metadata", params(OfTask),
    responses((status = 200, description = "a list of metadata", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn of_task(
    State(edge): State<RunsState>,
    call: Call,
    Path(path): Path<OfTask>,
) -> Result<Json<Value>, Trouble> {
    let task = task_routes::one(&edge, &call, &path, WITH).await?;
    Ok(Json(task.records.iter().map(|record| rows::record(&path.flow, &path.run, &task, record)).collect()))
}

/// What all tasks of a run said of themselves.
#[utoipa::path(get, path = "/metaflow/flows/{flow}/runs/{run}/metadata", tag = "metaflow", operation_id = "metaflow_list_run_metadata", params(OfRun),
    responses((status = 200, description = "a list of metadata", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn of_run(
    State(edge): State<RunsState>,
    call: Call,
    Path(path): Path<OfRun>,
) -> Result<Json<Value>, Trouble> {
    let view = tasks::run(&edge, &call, &path.flow, &path.run).await?;
    let found = tasks::of_run(&edge, &call, &view, None, WITH).await?;
    let rows = found
        .iter()
        .flat_map(|task| task.records.iter().map(|record| rows::record(&path.flow, &path.run, task, record)));
    Ok(Json(rows.collect()))
}

/// One thing that a task says; what else is in it is left alone.
#[derive(Debug, Deserialize)]
pub(crate) struct Said {
    field_name: String,
    #[serde(default)]
    value: Option<Value>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    user_name: Option<String>,
    #[serde(default)]
    tags: Option<Vec<String>>,
    #[serde(default)]
    ts_epoch: Option<u64>,
}

/// Notes what a task says of itself; the same said twice at the same time is noted once.
#[utoipa::path(post, path = "/metaflow/flows/{flow}/runs/{run}/steps/{step}/tasks/{task}/metadata", tag = "metaflow", operation_id = "metaflow_create_metadata", params(OfTask),
    request_body(content = serde_json::Value, description = "a list of `field_name`, `value`, `type`, `tags`"),
    responses((status = 200, description = "how many", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn create(
    State(edge): State<RunsState>,
    call: Call,
    Path(path): Path<OfTask>,
    Body { json: said, .. }: Body<Vec<Said>, Trouble>,
) -> Result<Json<Value>, Trouble> {
    let record = |said: Said| {
        let (value, json) = match said.value {
            None => (String::new(), false),
            Some(Value::String(text)) => (text, false),
            Some(other) => (other.to_string(), true),
        };
        NewRecord {
            field: said.field_name,
            kind: said.kind.unwrap_or_default(),
            value,
            json,
            user: said.user_name,
            tags: said.tags.unwrap_or_default(),
            sent: said.ts_epoch.unwrap_or(0),
        }
    };
    let block = block_of(&run_key(&path.flow, &path.run), &path.task);
    let records = said.into_iter().map(record).collect();
    let note = NoteTask { step: path.step, task: path.task, records };
    let kept = tell::<Tasks, NoteTask>(&edge.router, &block, &note, call.left()?).await?;
    Ok(Json(serde_json::json!(MetadataCreated { metadata_created: kept.count })))
}
