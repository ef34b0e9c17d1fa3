//! What Kayenta's clients are answered.

use serde_json::{Value, json};
use troupe_actors::canary_analysis::{CanaryView, LookView};

use troupe_workers::canaries::request::iso;

/// Kayenta's three words for how it stands: ours, its own, and whether it is over.
fn status(view: &CanaryView) -> (&'static str, &'static str, bool) {
    // The score of nothing that does not pass may speak for itself; one that would pass must not be taken for a judgement,
    // and neither must the score of a look before points stayed away.
    let scored = |at| view.looks.last().filter(|look| look.at == at).map(|look| look.score);
    let failed = view.started.as_ref().zip(view.verdict.as_ref()).is_some_and(|(started, verdict)| {
        scored(verdict.at).is_some_and(|score| score < started.thresholds.0.pass)
    });
    match view.verdict.as_ref().map(|verdict| verdict.outcome.as_str()) {
        None => ("running", "RUNNING", false),
        // A judged canary has succeeded as an execution, even if the judgement is a failure.
        Some("passed" | "failed") => ("succeeded", "SUCCEEDED", true),
        Some("no_data") if failed => ("succeeded", "SUCCEEDED", true),
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
        if status != "succeeded" {
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

#[cfg(test)]
mod tests {
    use troupe_actors::NamedFields;
    use troupe_actors::canary_analysis::{StartCanary, Verdict};
    use troupe_runtime::Timestamp;
    use troupe_statistics::canary::{CanaryConfig, Thresholds};

    use super::*;

    #[test]
    fn what_nothing_speaks_for_is_never_a_judgement_that_passes() {
        let look = |at, score| LookView {
            at: Timestamp(at),
            window: None,
            score,
            result: NamedFields::default(),
            metrics: Vec::new(),
        };
        for (name, outcome, looks, expected) in [
            ("running", None, vec![look(1, 80.0)], "running"),
            ("judged", Some("failed"), vec![look(9, 80.0)], "succeeded"),
            ("nothing, and its score fails", Some("no_data"), vec![look(9, 0.0)], "succeeded"),
            ("nothing, and its score would pass", Some("no_data"), vec![look(9, 100.0)], "terminal"),
            ("points stayed away after a marginal look", Some("no_data"), vec![look(1, 80.0)], "terminal"),
            ("points never came", Some("no_data"), vec![], "terminal"),
            ("cancelled", Some("cancelled"), vec![look(1, 80.0)], "canceled"),
        ] {
            let view = CanaryView {
                started: Some(StartCanary {
                    application: String::new(),
                    config: NamedFields(CanaryConfig::default()),
                    thresholds: NamedFields(Thresholds { pass: 90.0, marginal: 50.0 }),
                    lifetime: None,
                    request: NamedFields::default(),
                }),
                at: Timestamp(0),
                looks,
                next: None,
                trouble: None,
                verdict: outcome.map(|outcome| Verdict {
                    at: Timestamp(9),
                    outcome: outcome.into(),
                    passed: false,
                    words: "why".into(),
                }),
            };
            let answer = execution("1", &view);
            assert_eq!(answer["status"], expected, "{name}");
            let excepted = matches!(expected, "terminal" | "canceled");
            assert_eq!(answer.get("exception").is_some(), excepted, "{name}");
        }
    }
}
