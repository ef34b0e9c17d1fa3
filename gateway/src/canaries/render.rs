//! What Kayenta's clients are answered.

use serde_json::{Value, json};
use troupe_actors::canaries::{CanaryView, LookView};

use super::request::iso;

/// Kayenta's three words for how it stands: ours, its own, and whether it is over.
fn status(view: &CanaryView) -> (&'static str, &'static str, bool) {
    match view.verdict.as_ref().map(|verdict| verdict.outcome.as_str()) {
        None => ("running", "RUNNING", false),
        // A canary that was judged has succeeded as an execution, whatever the judgement.
        Some("passed" | "failed") => ("succeeded", "SUCCEEDED", true),
        Some("cancelled") => ("canceled", "CANCELED", true),
        Some(_) => ("terminal", "TERMINAL", true),
    }
}

fn judged(id: &str, view: &CanaryView, look: &LookView) -> Value {
    let started = view.started.as_ref();
    json!({
        "application": started.map(|started| &started.application),
        "canaryConfig": started.map(|started| &started.config),
        "judgeResult": look.result,
        "judgementStartTimeIso": look.window.as_ref().map(|window| iso(window.0.from_ms)),
        "judgementEndTimeIso": look.window.as_ref().map(|window| iso(window.0.until_ms)),
        "executionId": id,
    })
}

/// A `CanaryExecutionStatusResponse`.
pub(crate) fn execution(id: &str, view: &CanaryView) -> Value {
    let (status, execution_status, complete) = status(view);
    let started = view.started.as_ref();
    let mut answer = json!({
        "pipelineId": id,
        "application": started.map(|started| &started.application),
        "status": status,
        "executionStatus": execution_status,
        "complete": complete,
        "config": started.map(|started| &started.config),
        "canaryExecutionRequest": started.map(|started| &started.request),
        "buildTimeIso": iso(view.at.0),
        "startTimeIso": iso(view.at.0),
        "result": view.looks.last().map(|look| judged(id, view, look)),
    });
    if let Some(verdict) = &view.verdict {
        answer["endTimeIso"] = json!(iso(verdict.at.0));
        if !matches!(verdict.outcome.as_str(), "passed" | "failed") {
            answer["exception"] = json!({ "details": { "errors": [verdict.words] } });
        }
    }
    if let Some(trouble) = &view.trouble {
        answer["exception"] = json!({ "details": { "errors": [trouble] } });
    }
    answer
}

/// A `CanaryAnalysisExecutionStatusResponse`.
pub(crate) fn analysis(id: &str, view: &CanaryView) -> Value {
    let mut answer = execution(id, view);
    let scores: Vec<f64> = view.looks.iter().map(|look| look.score).collect();
    let results: Vec<Value> = view.looks.iter().map(|look| judged(id, view, look)).collect();
    answer["canaryAnalysisExecutionRequest"] = json!(view.started.as_ref().map(|started| &started.request));
    answer["canaryAnalysisExecutionResult"] = json!({
        "didPassThresholds": view.verdict.as_ref().is_some_and(|verdict| verdict.passed),
        "hasWarnings": view.trouble.is_some(),
        "canaryScoreMessage": view.verdict.as_ref().map(|verdict| &verdict.words),
        "canaryScores": scores,
        "canaryExecutionResults": results,
        "buildTimeIso": iso(view.at.0),
        "endTimeIso": view.verdict.as_ref().map(|verdict| iso(verdict.at.0)),
    });
    answer
}
