//! Refuses unknown fields of a pipeline's JSON. The author meant something by each, for example by a misspelt
//! `failPipeline`, so a write names them instead of a run ignoring them. Empty fields, and fields that Spinnaker's
//! clients write without a request, are accepted. The check applies to writes only: stored definitions are read
//! without it.

use std::collections::BTreeSet;

use serde_json::Value;
use troupe_runtime::text::cut;
use troupe_statistics::canary::Problem;

use super::definition::Definition;
use super::reading::read;

const PIPELINE: [&str; 8] = [
    "name",
    "application",
    "stages",
    "triggers",
    "parameterConfig",
    "limitConcurrent",
    "keepWaitingPipelines",
    "timeoutMs",
];
/// Fields of a pipeline for display and for Spinnaker's console, and those that `GET` adds.
const PIPELINE_NOTES: [&str; 16] = [
    "id",
    "index",
    "description",
    "email",
    "schema",
    "appConfig",
    "type",
    "tags",
    "locked",
    "roles",
    "spelEvaluator",
    "createTs",
    "updateTs",
    "lastModified",
    "lastModifiedBy",
    "revision",
];
/// Switches that Spinnaker's console always writes; `false` requests nothing.
const OFF: [&str; 5] = [
    "disabled",
    "exclude",
    "failOnFailedExpressions",
    "restrictExecutionDuringTimeWindow",
    "sendNotifications",
];
const TRIGGER: [&str; 6] = ["type", "enabled", "signal", "condition", "id", "description"];
const PARAMETER: [&str; 9] =
    ["name", "required", "default", "label", "description", "pinned", "hasOptions", "options", "constraint"];
const STAGE: [&str; 9] = [
    "refId",
    "requisiteStageRefIds",
    "type",
    "name",
    "failPipeline",
    "continuePipeline",
    "completeOtherBranchesThenFail",
    "stageEnabled",
    "stageTimeoutMs",
];
/// Fields of a stage for display and for Spinnaker's console.
const STAGE_NOTES: [&str; 6] = ["id", "comments", "alias", "group", "isNew", "overrideTimeout"];
const CANARY: [&str; 16] = [
    "canaryConfigId",
    "config",
    "lifetimeDuration",
    "lifetimeMs",
    "lifetimeDurationMins",
    "canaryAnalysisIntervalMins",
    "intervalMs",
    "beginCanaryAnalysisAfterMins",
    "beginAfterMs",
    "lookbackMins",
    "lookbackMs",
    "scopes",
    "scoreThresholds",
    // Accounts, which this platform does not have.
    "metricsAccountName",
    "storageAccountName",
    "configurationAccountName",
];

/// Fields of a type of stage that means the same as in Spinnaker, or exists only here. `None` for a type with another
/// meaning there, because its fields cannot be checked.
fn of_type(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "deploy" => &["model", "version", "weight", "baseline", "overExperiments", "onFailure"],
        "kayentaCanary" => &["canaryConfig", "analysisType", "deployments"],
        "setWeight" => &["weight", "baseline"],
        "promote" => &["model", "version"],
        "rollback" => &["model", "version", "to"],
        "wait" => &["waitTime", "skipWaitText"],
        "manualJudgment" => &["instructions", "judgmentInputs", "propagateAuthenticationContext"],
        "checkPreconditions" => &["preconditions"],
        "webhook" => &[
            "url",
            "method",
            "payload",
            "customHeaders",
            "waitForCompletion",
            "statusUrl",
            "statusJsonPath",
            "successStatuses",
            "terminalStatuses",
            "canceledStatuses",
            "retryDelayMs",
        ],
        "pipeline" => &["pipeline", "application", "pipelineParameters", "waitForCompletion"],
        _ => return None,
    })
}

/// Parses a definition as [`read`] does, and refuses unknown fields.
///
/// # Errors
/// Every problem with its path.
pub fn checked(json: &Value) -> Result<Definition, Vec<Problem>> {
    let read = read(json);
    let mut unknown = Vec::new();
    only(json, "", &[&PIPELINE, &PIPELINE_NOTES], &mut unknown);
    for (at, trigger) in listed(json, "triggers") {
        only(trigger, &format!("triggers[{at}]"), &[&TRIGGER], &mut unknown);
    }
    let mut names = BTreeSet::new();
    for (at, parameter) in listed(json, "parameterConfig") {
        let path = format!("parameterConfig[{at}]");
        only(parameter, &path, &[&PARAMETER], &mut unknown);
        if let Some(name) = parameter["name"].as_str().filter(|name| !names.insert(*name)) {
            let why = format!("{name:?} is another parameter's: give each its own");
            unknown.push(Problem { path: format!("{path}.name"), why });
        }
    }
    for (at, stage) in listed(json, "stages") {
        let Some(own) = stage["type"].as_str().and_then(of_type) else { continue };
        let path = format!("stages[{at}]");
        only(stage, &path, &[&STAGE, &STAGE_NOTES, own], &mut unknown);
        only(&stage["canaryConfig"], &format!("{path}.canaryConfig"), &[&CANARY], &mut unknown);
        only(
            &stage["stageEnabled"],
            &format!("{path}.stageEnabled"),
            &[&["type", "expression"]],
            &mut unknown,
        );
    }
    match read {
        Ok(definition) if unknown.is_empty() => Ok(definition),
        Ok(_) => Err(unknown),
        Err(mut problems) => {
            problems.append(&mut unknown);
            Err(problems)
        }
    }
}

fn listed<'v>(json: &'v Value, field: &str) -> impl Iterator<Item = (usize, &'v Value)> {
    json[field].as_array().into_iter().flatten().enumerate()
}

fn only(json: &Value, path: &str, known: &[&[&str]], unknown: &mut Vec<Problem>) {
    let Some(fields) = json.as_object() else { return };
    let strange = |name: &str| !known.iter().any(|known| known.contains(&name));
    for (name, _) in fields.iter().filter(|(name, value)| strange(name) && !requests_nothing(name, value)) {
        let dot = if path.is_empty() { "" } else { "." };
        let name = cut(name, 64);
        let why = "unknown field: check its spelling, or remove it".to_owned();
        unknown.push(Problem { path: format!("{path}{dot}{name}"), why });
    }
}

/// Whether a field requests nothing.
fn requests_nothing(name: &str, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(false) => OFF.contains(&name),
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}
