//! Answers in the format of Maestro's clients.

use serde_json::{Map, Value, json};
use troupe_actors::orchestrator::runs::{IterationView, RunView, StepView};
use troupe_actors::orchestrator::workflows::{InstanceView, WorkflowView};
use troupe_runtime::Timestamp;

/// The answer to an action.
pub(super) fn event(by: &str, what: &str) -> Value {
    let by = if by.is_empty() { "unknown" } else { by };
    json!({ "type": "LOG", "level": "INFO", "timestamp": Timestamp::wall().0, "author": { "name": by },
        "message": format!("user [{by}] {what}") })
}

pub(super) fn timeline(lines: &[(Timestamp, String)]) -> Value {
    let events = lines
        .iter()
        .map(|(at, words)| json!({ "type": "LOG", "level": "INFO", "timestamp": at.0, "message": words }));
    json!({ "timeline_events": events.collect::<Vec<_>>() })
}

/// One version of a workflow.
pub(super) fn definition(id: &str, view: &WorkflowView) -> Value {
    let shown = view.versions.iter().find(|known| known.version == view.version);
    json!({
        "workflow": view.definition.0,
        "metadata": {
            "workflow_id": id,
            "workflow_version_id": view.version,
            "create_time": shown.map(|known| known.at.0),
            "version_author": shown.map(|known| json!({ "name": known.by })),
        },
        "properties_snapshot": properties(id, view),
        "is_active": view.active == Some(view.version),
    })
}

pub(super) fn properties(id: &str, view: &WorkflowView) -> Value {
    let mut shown = serde_json::to_value(&view.properties.0).unwrap_or_default();
    if let Some(owner) = view.properties.0.owner.as_ref() {
        shown["owner"] = json!({ "name": owner });
    }
    shown["workflow_id"] = json!(id);
    shown
}

/// An instance. Its steps are in `aggregated_info`, as Maestro's own watching client reads them.
pub(super) fn instance(id: &str, known: &InstanceView, run: Option<&RunView>) -> Value {
    let lane = run.and_then(|run| run.iterations.first());
    let steps: Map<String, Value> = lane
        .map(|lane| lane.steps.iter().map(|step| (step.id.clone(), aggregated(step))).collect())
        .unwrap_or_default();
    let ran = run.filter(|run| run.run > 0);
    let newest = known.run.max(1);
    json!({
        "workflow_id": id,
        "workflow_instance_id": known.instance,
        "workflow_run_id": newest,
        "workflow_uuid": known.request_id,
        "correlation_id": format!("{id}-{}-{newest}", known.instance),
        "workflow_version_id": known.version,
        "initiator": known.initiator.0,
        "status": known.status.0,
        "why": if known.why.is_empty() { run.map_or("", |run| run.why.as_str()) } else { known.why.as_str() },
        "create_time": known.created.0,
        "start_time": ran.map(|run| run.started.0),
        "end_time": known.ended.map(|at| at.0),
        "params": run.map(|run| &run.params.0),
        "signals": run.map(|run| &run.signals),
        "runtime_dag": lane.map_or_else(|| json!({}), dag),
        "runtime_overview": { "run_status": known.status.0, "step_overview": overview(lane) },
        "timeline": timeline(run.map_or(&[], |run| run.timeline.as_slice())),
        "aggregated_info": { "workflow_instance_status": known.status.0, "step_aggregated_views": steps },
    })
}

/// Which steps come before and after each.
fn dag(lane: &IterationView) -> Value {
    let mut all: Map<String, Value> = Map::new();
    for step in &lane.steps {
        let next: Map<String, Value> =
            step.next.iter().map(|(to, taken)| (to.clone(), json!(taken))).collect();
        let before: Vec<&str> = lane
            .steps
            .iter()
            .filter(|other| other.next.iter().any(|(to, _)| *to == step.id))
            .map(|other| other.id.as_str())
            .collect();
        all.insert(step.id.clone(), json!({ "predecessors": before, "successors": next }));
    }
    Value::Object(all)
}

/// How many steps there are of each status.
fn overview(lane: Option<&IterationView>) -> Value {
    let mut counts: Map<String, Value> = Map::new();
    for step in lane.into_iter().flat_map(|lane| &lane.steps) {
        let word = step.status.0.word();
        let so_far = counts.get(word).and_then(Value::as_u64).unwrap_or(0);
        counts.insert(word.to_owned(), json!(so_far + 1));
    }
    Value::Object(counts)
}

fn aggregated(step: &StepView) -> Value {
    json!({
        "status": step.status.0,
        "start_time": step.started.map(|at| at.0),
        "end_time": step.ended.map(|at| at.0),
        "step_attempt_id": step.attempt,
        "step_type": step.sort,
        "why": step.why,
        "iterations": iterations(step),
    })
}

fn iterations(step: &StepView) -> Value {
    step.iterations.map_or(Value::Null, |(total, counts)| {
        json!({ "total": total, "succeeded": counts.succeeded, "failed": counts.failed, "stopped": counts.stopped })
    })
}

/// A step's newest attempt.
pub(super) fn step(id: &str, known: &InstanceView, step: &StepView) -> Value {
    let next: Map<String, Value> = step.next.iter().map(|(to, taken)| (to.clone(), json!(taken))).collect();
    json!({
        "workflow_id": id,
        "workflow_instance_id": known.instance,
        "workflow_run_id": known.run.max(1),
        "workflow_version_id": known.version,
        "step_id": step.id,
        "step_attempt_id": step.attempt.max(1),
        "step_type": step.sort,
        "status": step.status.0,
        "why": step.why,
        "runtime_state": {
            "status": step.status.0,
            "start_time": step.started.map(|at| at.0),
            "end_time": step.ended.map(|at| at.0),
            "progress": step.progress.as_ref().map(|(words, share)| json!({ "words": words, "share": share })),
        },
        "params": step.params.0,
        "output": step.output.0,
        "transition": { "next": next },
        "attempts": step.history,
        "iterations": iterations(step),
    })
}

/// One attempt of a step: the newest whole, those before it as far as they are remembered.
pub(super) fn attempt(id: &str, known: &InstanceView, view: &StepView, wanted: Option<u64>) -> Option<Value> {
    let newest = u64::from(view.attempt.max(1));
    if wanted.is_none_or(|wanted| wanted == newest) {
        return Some(step(id, known, view));
    }
    let past = view.history.iter().find(|past| Some(u64::from(past.attempt)) == wanted)?;
    Some(json!({
        "workflow_id": id,
        "workflow_instance_id": known.instance,
        "step_id": view.id,
        "step_attempt_id": past.attempt,
        "step_type": view.sort,
        "status": past.status,
        "why": past.why,
        "runtime_state": { "status": past.status, "start_time": past.started.0, "end_time": past.ended.0 },
    }))
}
