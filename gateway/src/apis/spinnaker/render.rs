//! What Spinnaker's clients are answered.

use serde_json::{Value, json};
use troupe_actors::delivery::executions::{Note, Run, Stage, Status};
use troupe_actors::delivery::pipelines::{PipelineView, Summary};

/// A pipeline's definition, with what is known of it besides.
pub(super) fn pipeline(name: &str, view: &PipelineView) -> Option<Value> {
    let mut answer = view.definition.0.clone()?;
    answer["id"] = json!(name);
    answer["updateTs"] = json!(view.at.0.to_string());
    answer["lastModifiedBy"] = json!(view.by);
    answer["revision"] = json!(view.revision);
    Some(answer)
}

/// An execution in short.
pub(super) fn summary(application: &str, name: &str, held: &Summary) -> Value {
    json!({
        "id": format!("{name}:{}", held.number),
        "type": "PIPELINE",
        "application": application,
        "name": name,
        "pipelineConfigId": name,
        "number": held.number,
        "status": held.status,
        "why": held.why,
        "buildTime": held.at.0,
        "endTime": held.ended.map(|at| at.0),
        "authentication": { "user": held.by },
        "trigger": { "correlationId": held.request, "user": held.by },
    })
}

fn stage(run: &Run, stage: &Stage) -> Value {
    let held = run.stages.get(&stage.ref_id).cloned().unwrap_or_default();
    json!({
        "id": stage.ref_id,
        "refId": stage.ref_id,
        "type": stage.kind.label(),
        "name": stage.name,
        "status": held.status,
        "attempt": held.attempt,
        "requisiteStageRefIds": stage.after,
        "startTime": held.began.map(|at| at.0),
        "endTime": held.ended.map(|at| at.0),
        "waitsFor": held.wait,
        "dueTime": held.due.map(|at| at.0),
        "timeoutTime": held.until.map(|at| at.0),
        "context": { "why": held.why },
        "outputs": held.outputs,
    })
}

/// A whole execution, as Orca tells it; `traffic` and `audit` are ours.
pub(super) fn execution(id: &str, run: &Run) -> Option<Value> {
    let begun = run.begun.as_ref()?;
    let stages: Vec<Value> = begun.definition.stages.iter().map(|found| stage(run, found)).collect();
    let cancelled = run.notes.iter().rev().find(|note| note.what == "cancelled it");
    let weights: Vec<Value> = run
        .weights
        .iter()
        .map(|(at, weight, baseline)| {
            json!({ "at": at.0, "weight": f64::from(*weight) / 100.0, "baseline": baseline })
        })
        .collect();
    // Before the traffic entity has answered, the version's counterpart is not known; a second note has it.
    let known = |note: &&Note| !(note.what.starts_with("delivers ") && note.what.ends_with(" beside 0"));
    let audit: Vec<&Note> = run.notes.iter().filter(known).collect();
    Some(json!({
        "id": id,
        "type": "PIPELINE",
        "application": begun.definition.application,
        "name": begun.pipeline,
        "pipelineConfigId": begun.pipeline,
        "number": begun.number,
        "status": run.status,
        "why": run.why,
        "canceled": run.status == Status::Canceled,
        "canceledBy": cancelled.map(|note| &note.who),
        "cancellationReason": cancelled.map(|note| &note.why),
        "paused": if run.status == Status::Paused { json!({}) } else { Value::Null },
        "limitConcurrent": begun.definition.limit_concurrent,
        "keepWaitingPipelines": begun.definition.keep_waiting,
        "buildTime": run.made.0,
        "startTime": run.started.map(|at| at.0),
        "endTime": run.ended.map(|at| at.0),
        "authentication": { "user": begun.by },
        "trigger": trigger(run),
        "stages": stages,
        "traffic": { "target": run.target, "weights": weights },
        "audit": audit,
    }))
}

fn trigger(run: &Run) -> Value {
    let Some(begun) = &run.begun else { return Value::Null };
    let mut trigger = begun.trigger.clone();
    if let Some(fields) = trigger.as_object_mut() {
        fields.insert("parameters".to_owned(), json!(begun.parameters));
        fields.insert("correlationId".to_owned(), json!(begun.request));
        fields.insert("user".to_owned(), json!(begun.by));
    }
    trigger
}
