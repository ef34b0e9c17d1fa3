//! Fields of a pipeline's JSON that nobody reads. Somebody meant something by each, a misspelt `failPipeline` above all: it is
//! named when the pipeline is written, rather than left undone when it runs. What Spinnaker's own clients write that asks for
//! nothing is left alone, as is what is empty. Only what is written anew is held to this: what is stored was taken as it was.

use std::collections::BTreeSet;

use serde_json::Value;
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
/// Of a pipeline, for people and for Spinnaker's console, and what `GET` adds to it.
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
/// What Spinnaker's console writes of a pipeline or a stage whether it is wanted or not: nothing, where it is false.
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
/// Of a stage, for people and for Spinnaker's console.
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
    // Accounts, of which there are none here.
    "metricsAccountName",
    "storageAccountName",
    "configurationAccountName",
];

/// Fields of the types of stage that are the same here as they are in Spinnaker, or only here. None of those that stand for
/// something else there, whose fields nobody can hold to account.
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

/// What [`read`] makes of a definition, if nobody could have meant anything else by it.
///
/// # Errors
/// Every problem with its path.
pub fn checked(json: &Value) -> Result<Definition, Vec<Problem>> {
    let read = read(json);
    let mut found = Vec::new();
    only(json, "", &[&PIPELINE, &PIPELINE_NOTES], &mut found);
    for (at, trigger) in listed(json, "triggers") {
        only(trigger, &format!("triggers[{at}]"), &[&TRIGGER], &mut found);
    }
    let mut names = BTreeSet::new();
    for (at, parameter) in listed(json, "parameterConfig") {
        let path = format!("parameterConfig[{at}]");
        only(parameter, &path, &[&PARAMETER], &mut found);
        if let Some(name) = parameter["name"].as_str().filter(|name| !names.insert(*name)) {
            let why = format!("{name:?} is another parameter's: give each its own");
            found.push(Problem { path: format!("{path}.name"), why });
        }
    }
    for (at, stage) in listed(json, "stages") {
        let Some(own) = stage["type"].as_str().and_then(of_type) else { continue };
        let path = format!("stages[{at}]");
        only(stage, &path, &[&STAGE, &STAGE_NOTES, own], &mut found);
        only(&stage["canaryConfig"], &format!("{path}.canaryConfig"), &[&CANARY], &mut found);
        only(&stage["stageEnabled"], &format!("{path}.stageEnabled"), &[&["type", "expression"]], &mut found);
    }
    match read {
        Ok(definition) if found.is_empty() => Ok(definition),
        Ok(_) => Err(found),
        Err(mut problems) => {
            problems.append(&mut found);
            Err(problems)
        }
    }
}

fn listed<'v>(json: &'v Value, field: &str) -> impl Iterator<Item = (usize, &'v Value)> {
    json[field].as_array().into_iter().flatten().enumerate()
}

fn only(json: &Value, path: &str, known: &[&[&str]], found: &mut Vec<Problem>) {
    let Some(fields) = json.as_object() else { return };
    let strange = |name: &str| !known.iter().any(|known| known.contains(&name));
    for (name, _) in fields.iter().filter(|(name, value)| strange(name) && !asks_nothing(name, value)) {
        let dot = if path.is_empty() { "" } else { "." };
        let name: String = name.chars().take(64).collect();
        let why = "there is no such field here: see how it is spelt, or remove it".to_owned();
        found.push(Problem { path: format!("{path}{dot}{name}"), why });
    }
}

/// What a client writes that has no wish.
fn asks_nothing(name: &str, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(false) => OFF.contains(&name),
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}
