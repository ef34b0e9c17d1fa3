//! The artifacts and figures of a mirrored run, from the parameters and outputs of steps.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use troupe_workflows::definition::StepType;

use super::super::step_run::StepRun;
use crate::metadata::tasks::{NewArtifact, VALUE};
use troupe_lake::Sha256;

/// Bytes of a value's JSON; larger values stay in the workflow's run or in the lake.
const VALUE_BYTES_MAX: usize = 2_048;
/// Values of one task, and bytes of all of them.
const VALUES_MAX: usize = 64;
const BYTES_MAX: usize = 32 << 10;

/// Values as artifacts of an attempt, up to the bounds.
pub(super) fn artifacts<'j>(attempt: u32, values: impl Iterator<Item = (&'j str, Json)>) -> Vec<NewArtifact> {
    let mut left = BYTES_MAX;
    let mut made: BTreeMap<String, NewArtifact> = BTreeMap::new();
    for (name, value) in values {
        let location = value.to_string();
        let name = identifier(name);
        if location.len() > VALUE_BYTES_MAX.min(left) || made.len() >= VALUES_MAX || name.len() > 200 {
            continue;
        }
        left -= location.len();
        made.entry(name.clone()).or_insert_with(|| artifact(attempt, name, location));
    }
    made.into_values().collect()
}

/// A boolean artifact by the clients' convention.
pub(super) fn own(attempt: u32, name: &str, ok: bool) -> NewArtifact {
    artifact(attempt, name.to_owned(), ok.to_string())
}

fn artifact(attempt: u32, name: String, json: String) -> NewArtifact {
    NewArtifact {
        attempt,
        name,
        sha: Sha256::of(json.as_bytes()).to_string(),
        location: json,
        ds_type: VALUE.to_owned(),
        kind: "metaflow.artifact".to_owned(),
        content_type: "pickle-v4".to_owned(),
        ..NewArtifact::default()
    }
}

/// An artifact's name as an identifier, because Metaflow's client makes it an attribute.
fn identifier(name: &str) -> String {
    let sound = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
    let name: String = name.chars().map(sound).collect();
    // Names with a leading underscore are reserved for the client.
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name } else { format!("v{name}") }
}

/// The evaluated parameters of a step, and its iterations by result.
pub(super) fn of_step(step: &StepRun) -> Vec<(&str, Json)> {
    let evaluated = step.params.iter();
    let mut values: Vec<(&str, Json)> = evaluated
        .filter_map(|(name, param)| Some((name.as_str(), param.evaluated.as_ref()?.to_json())))
        .collect();
    if let Some(looping) = &step.looping {
        let counts = looping.counts;
        values.push(("iterations_succeeded", counts.succeeded.into()));
        values.push(("iterations_failed", counts.failed.into()));
        values.push(("iterations_stopped", counts.stopped.into()));
    }
    values
}

/// The scalar outputs of all complete steps; for equal names the latest wins.
pub(super) fn of_run(steps: &[StepRun]) -> Vec<(&str, Json)> {
    let mut complete: Vec<&StepRun> = steps.iter().filter(|step| step.status().is_complete()).collect();
    complete.sort_by_key(|step| step.ended);
    let outputs = complete.iter().filter_map(|step| step.output.as_object()).flatten();
    let plain = outputs.filter(|(_, value)| !value.is_object() && !value.is_array());
    let latest: BTreeMap<&str, Json> = plain.map(|(name, value)| (name.as_str(), value.clone())).collect();
    latest.into_iter().collect()
}

/// Figures of a step: the `metrics` of its output, the rows of its lineage, and every number of a training or
/// evaluation.
pub(super) fn figures(sort: StepType, output: &Json) -> BTreeMap<String, f64> {
    let mut figures = BTreeMap::new();
    let mut take = |values: &Json| {
        let numbers = values.as_object().into_iter().flatten();
        figures.extend(numbers.filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))));
    };
    if matches!(sort, StepType::Train | StepType::Evaluate) {
        take(output);
    }
    take(&output["metrics"]);
    take(&output["result"]["metrics"]);
    figures.extend(output["lineage"]["events"].as_f64().map(|rows| ("rows".to_owned(), rows)));
    figures
}
