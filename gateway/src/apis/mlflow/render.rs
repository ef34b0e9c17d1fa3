//! What MLflow's clients are answered.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use troupe_actors::metadata::flows::FlowView;
use troupe_actors::metadata::registered_models::{RegisteredView, STAGE, VersionRow};
use troupe_actors::metadata::runs::{Point, RunView, Status};
use troupe_actors::models::{Model, Stage, VersionView};

use super::ids;
use super::language::IdentifierType;

/// Under which name a flow remembers where its artifacts go.
pub(super) const LOCATION: &str = "troupe.artifact_location";
/// The tag that tells how a run is.
const REASON: &str = "troupe.status_reason";
/// Clients name a run by this tag.
pub(super) const RUN_NAME: &str = "mlflow.runName";

fn tags<'a>(tags: impl IntoIterator<Item = (&'a String, &'a String)>) -> Vec<Value> {
    tags.into_iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
}

const fn stage(deleted: bool) -> &'static str {
    if deleted { "deleted" } else { "active" }
}

fn location(flow: &str, view: &FlowView) -> String {
    let given = view.notes.get(LOCATION).filter(|given| !given.is_empty());
    // As a tracking server without a store of its own does: where its client is.
    given.cloned().unwrap_or_else(|| format!("mlartifacts/{}", ids::escaped(ids::experiment(flow))))
}

pub(super) fn experiment(flow: &str, view: &FlowView) -> Value {
    let notes = view.notes.iter().filter(|(key, _)| *key != LOCATION);
    json!({
        "experiment_id": ids::experiment(flow),
        "name": view.title.as_deref().unwrap_or(flow),
        "artifact_location": location(flow, view),
        "lifecycle_stage": stage(view.deleted),
        "creation_time": view.at.0,
        "last_update_time": view.changed.0,
        "tags": tags(notes),
    })
}

/// A figure, as protocol buffers write it.
fn figure(value: f64) -> Value {
    if value.is_nan() {
        json!("NaN")
    } else if value.is_infinite() {
        json!(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else {
        json!(value)
    }
}

pub(super) fn metric(name: &str, point: &Point) -> Value {
    json!({ "key": name, "value": figure(point.value), "timestamp": point.at.0, "step": point.step })
}

/// How a run is, in MLflow's word.
fn status(view: &RunView) -> &str {
    match view.standing.status {
        Status::Running => "RUNNING",
        Status::Completed => "FINISHED",
        Status::Failed if view.standing.word == "KILLED" => "KILLED",
        Status::Failed => "FAILED",
    }
}

/// What is said of a run by name: its own values, and what Metaflow's tags say.
fn notes(view: &RunView) -> BTreeMap<String, String> {
    let mut notes = view.notes.clone();
    if let Some(begun) = &view.begun {
        for tag in &begun.made.system_tags {
            let (key, value) = tag.split_once(':').unwrap_or((tag, ""));
            notes.entry(format!("metaflow.{key}")).or_insert_with(|| value.to_owned());
        }
        if !begun.made.tags.is_empty() {
            notes.entry("metaflow.tags".to_owned()).or_insert_with(|| begun.made.tags.join(","));
        }
    }
    if let Some(title) = &view.title {
        notes.insert(RUN_NAME.to_owned(), title.clone());
    }
    notes.insert(REASON.to_owned(), view.standing.why.clone());
    notes
}

pub(super) fn run(flow: &FlowView, view: &RunView) -> Value {
    let begun = view.begun.clone().unwrap_or_default();
    let id = ids::run(&begun.flow, &begun.run);
    let notes = notes(view);
    let user = begun.made.user.clone().or_else(|| notes.get("mlflow.user").cloned()).unwrap_or_default();
    let mut info = json!({
        "run_id": id, "run_uuid": id,
        "experiment_id": ids::experiment(&begun.flow),
        "run_name": view.title.clone().unwrap_or_else(|| begun.run.clone()),
        "user_id": user,
        "status": status(view),
        "start_time": begun.at.0,
        "artifact_uri": format!("{}/{id}/artifacts", location(&begun.flow, flow)),
        "lifecycle_stage": stage(view.deleted || flow.deleted),
    });
    if let Some(ended) = view.standing.ended {
        info["end_time"] = json!(ended.0);
    }
    let metrics: Vec<Value> = view.metrics.iter().map(|(name, point)| metric(name, point)).collect();
    json!({
        "info": info,
        "data": { "metrics": metrics, "params": tags(&view.params), "tags": tags(&notes) },
        "inputs": {},
    })
}

/// The values that filters and orders of runs name.
pub(super) type Held = BTreeMap<IdentifierType, BTreeMap<String, Value>>;

/// The values of a run, as filters and orders name them.
pub(super) fn attributes(run: &Value) -> Held {
    let info = run["info"].as_object().cloned().unwrap_or_default();
    let mut found = Held::from([(IdentifierType::Attribute, info.into_iter().collect())]);
    for (of, field) in [
        (IdentifierType::Metric, "metrics"),
        (IdentifierType::Param, "params"),
        (IdentifierType::Tag, "tags"),
    ] {
        let rows = run["data"][field].as_array().into_iter().flatten();
        let pair = |row: &Value| (row["key"].as_str().unwrap_or_default().to_owned(), row["value"].clone());
        found.insert(of, rows.map(pair).collect());
    }
    found
}

pub(super) fn version(name: &str, row: &VersionRow, aliases: &BTreeMap<String, u32>) -> Value {
    let own = aliases.iter().filter(|(_, version)| **version == row.version).map(|(alias, _)| alias.clone());
    let said = row.added.tags.iter().filter(|(key, _)| *key != STAGE);
    json!({
        "name": name, "version": row.version.to_string(), "creation_timestamp": row.at.0,
        "last_updated_timestamp": row.changed.0, "description": row.added.description,
        "current_stage": row.added.tags.get(STAGE).map_or("None", String::as_str),
        "source": row.added.source, "run_id": row.added.run_id, "status": "READY",
        "tags": tags(said), "aliases": own.collect::<Vec<String>>(),
    })
}

/// The versions of a registered model, by number.
pub(super) fn versions(name: &str, view: &RegisteredView) -> Vec<Value> {
    view.versions.values().map(|row| version(name, row, &view.aliases)).collect()
}

/// The versions of a model that the cluster serves, by number.
pub(super) fn served_versions(name: &str, model: &Model) -> Vec<Value> {
    model.versions().map(|held| served_version(name, held)).collect()
}

/// Of versions by number, the newest in each stage.
pub(super) fn latest(versions: Vec<Value>) -> Vec<Value> {
    let mut newest: Vec<Value> = Vec::new();
    for row in versions.into_iter().rev() {
        if newest.iter().all(|other| other["current_stage"] != row["current_stage"]) {
            newest.push(row);
        }
    }
    newest
}

fn model_of(name: &str, at: (u64, u64), description: &str, versions: Vec<Value>) -> Map<String, Value> {
    let Value::Object(model) = json!({
        "name": name, "creation_timestamp": at.0, "last_updated_timestamp": at.1, "description": description,
        "latest_versions": versions,
    }) else {
        return Map::new();
    };
    model
}

pub(super) fn model(name: &str, view: &RegisteredView) -> Value {
    let latest = latest(versions(name, view));
    let mut model = model_of(name, (view.at.0, view.changed.0), &view.description, latest);
    model.insert("tags".to_owned(), json!(tags(&view.tags)));
    let pair = |(alias, version): (&String, &u32)| json!({ "alias": alias, "version": version.to_string() });
    model.insert("aliases".to_owned(), view.aliases.iter().map(pair).collect());
    Value::Object(model)
}

/// The alias of a stage that only one version has.
pub(super) const fn alias(stage: Stage) -> Option<&'static str> {
    match stage {
        Stage::Champion => Some("champion"),
        Stage::Challenger => Some("challenger"),
        Stage::Staging | Stage::Archived => None,
    }
}

/// A version that the cluster serves, or could.
pub(super) fn served_version(name: &str, held: &VersionView) -> Value {
    let stage = match held.stage {
        Stage::Champion => "Production",
        Stage::Challenger | Stage::Staging => "Staging",
        Stage::Archived => "Archived",
    };
    let figures: Vec<Value> = held
        .published
        .metrics
        .iter()
        .map(|(key, value)| json!({ "key": key, "value": value.to_string() }))
        .collect();
    json!({
        "name": name, "version": held.version.to_string(), "creation_timestamp": held.at.0,
        "last_updated_timestamp": held.at.0, "current_stage": stage, "status": "READY", "run_id": "",
        "source": format!("troupe-lake:/{}", held.published.artifact), "description": held.published.algorithm,
        "tags": figures, "aliases": alias(held.stage).into_iter().collect::<Vec<_>>(),
    })
}

/// A model that the cluster serves.
pub(super) fn served(name: &str, view: &Model) -> Value {
    let all: Vec<&VersionView> = view.versions().collect();
    let latest = latest(served_versions(name, view));
    let at = (all.first().map_or(0, |held| held.at.0), all.last().map_or(0, |held| held.at.0));
    let mut model = model_of(name, at, "served by the cluster", latest);
    let pair = |held: &&VersionView| {
        Some(json!({ "alias": alias(held.stage)?, "version": held.version.to_string() }))
    };
    model.insert("aliases".to_owned(), all.iter().filter_map(pair).collect());
    model.insert("tags".to_owned(), json!([]));
    Value::Object(model)
}

/// The value of a row's tag.
pub(super) fn tag<'r>(row: &'r Value, key: &str) -> Option<&'r Value> {
    row["tags"].as_array()?.iter().find(|tag| tag["key"] == key).map(|tag| &tag["value"])
}

/// The value of a row that is not a run, as filters and orders name it.
pub(super) fn held<'r>(row: &'r Value, of: IdentifierType, key: &str) -> Option<&'r Value> {
    match of {
        IdentifierType::Tag => tag(row, key),
        IdentifierType::Attribute => row.get(key),
        IdentifierType::Metric | IdentifierType::Param | IdentifierType::Dataset => None,
    }
}
