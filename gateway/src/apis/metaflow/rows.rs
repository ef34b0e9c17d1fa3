//! Rows, as Metaflow's clients know them.

use serde::Serialize;
use serde_json::{Value, json};
use troupe_actors::metadata::flows::{FlowView, RunSummary};
use troupe_actors::metadata::runs::{RunView, StepView};
use troupe_actors::metadata::tasks::{Artifact, Record, TaskView};
use troupe_runtime::Timestamp;

/// Records of one block have ids below this: their sum with the task's is unlike that of any other of the run.
const RECORDS_OF_BLOCK: u64 = 10_000;

/// What is a number is shown as one.
pub(super) fn id(text: &str) -> Value {
    match text.parse::<u64>() {
        Ok(number) if number.to_string() == text => json!(number),
        _ => json!(text),
    }
}

fn seconds(at: Timestamp) -> u64 {
    at.0 / 1_000
}

pub(super) fn flow(name: &str, view: &FlowView) -> Value {
    let made = view.made.clone().unwrap_or_default();
    // A client creates a flow without a user, and expects null for a field that it did not send.
    let said = |tags: Vec<String>| if tags.is_empty() { Value::Null } else { json!(tags) };
    json!({
        "flow_id": name, "user_name": made.user, "ts_epoch": view.at.0,
        "tags": said(made.tags), "system_tags": said(made.system_tags),
    })
}

pub(super) fn run(flow: &str, view: &RunView) -> Value {
    let begun = view.begun.clone().unwrap_or_default();
    json!({
        "flow_id": flow, "run_number": id(&begun.run), "user_name": begun.made.user, "ts_epoch": begun.at.0,
        "tags": begun.made.tags, "system_tags": begun.made.system_tags, "last_heartbeat_ts": seconds(view.beat),
        "status": view.standing.status.label(), "status_reason": view.standing.why,
        "finished_at": view.standing.ended.map(|at| at.0),
    })
}

pub(super) fn listed(flow: &str, run: &RunSummary) -> Value {
    json!({
        "flow_id": flow, "run_number": id(&run.run), "user_name": run.made.user, "ts_epoch": run.at.0,
        "tags": run.made.tags, "system_tags": run.made.system_tags, "last_heartbeat_ts": seconds(run.beat),
        "status": run.status.label(), "status_reason": run.why, "finished_at": run.ended.map(|at| at.0),
    })
}

pub(super) fn step(flow: &str, run: &str, name: &str, step: &StepView) -> Value {
    json!({
        "flow_id": flow, "run_number": id(run), "step_name": name, "user_name": step.made.user,
        "ts_epoch": step.at.0, "tags": step.made.tags, "system_tags": step.made.system_tags,
    })
}

pub(super) fn task(flow: &str, run: &str, task: &TaskView) -> Value {
    json!({
        "flow_id": flow, "run_number": id(run), "step_name": task.step, "task_id": id(&task.task),
        "user_name": task.made.user, "ts_epoch": task.at.0, "tags": task.made.tags,
        "system_tags": task.made.system_tags, "last_heartbeat_ts": seconds(task.beat),
    })
}

pub(super) fn record(flow: &str, run: &str, task: &TaskView, record: &Record) -> Value {
    let number = task.task.parse::<u64>().unwrap_or(0).saturating_mul(RECORDS_OF_BLOCK) + record.id;
    let text = || json!(record.said.value);
    let value = if record.said.json {
        serde_json::from_str(&record.said.value).unwrap_or_else(|_| text())
    } else {
        text()
    };
    json!({
        "id": number, "flow_id": flow, "run_number": id(run), "step_name": task.step, "task_id": id(&task.task),
        "field_name": record.said.field, "value": value, "type": record.said.kind,
        "user_name": record.said.user, "ts_epoch": record.at.0, "tags": record.said.tags, "system_tags": null,
    })
}

pub(super) fn artifact(flow: &str, run: &str, task: &TaskView, artifact: &Artifact) -> Value {
    let said = &artifact.said;
    json!({
        "flow_id": flow, "run_number": id(run), "step_name": task.step, "task_id": id(&task.task),
        "name": said.name, "location": said.location, "ds_type": said.ds_type, "sha": said.sha,
        "type": said.kind, "content_type": said.content_type, "user_name": said.made.user,
        "attempt_id": said.attempt, "ts_epoch": artifact.at.0, "tags": said.made.tags,
        "system_tags": said.made.system_tags,
    })
}

/// How many of a list a client had made.
#[derive(Debug, Serialize)]
pub(super) struct MetadataCreated {
    pub(super) metadata_created: u64,
}

/// How many of a list a client had made.
#[derive(Debug, Serialize)]
pub(super) struct ArtifactsCreated {
    pub(super) artifacts_created: u64,
}
