//! The work of a step with evaluated parameters.

use serde_json::{Map, Value as Json, json};

use crate::Ordered;
use crate::bounds::{FOREACH_CONCURRENCY_DEFAULT, FOREACH_CONCURRENCY_MAX, SLEEP_MS_MAX};
use crate::definition::{Step, StepKind, StepType};
use crate::loops::{Combinations, LoopError, first};
use crate::params::{Parameters, Value};

/// Default sleep in milliseconds, as in Maestro.
const SLEEP_MS_DEFAULT: u64 = 3000;

/// The work of a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Doing {
    /// It succeeds at once: `NoOp`, `Join`.
    Nothing,
    /// It succeeds after a time.
    Sleep { ms: u64 },
    /// A task for an executor outside the cluster's state.
    Outside { executor: String, spec: Json },
    /// An execution of a pipeline with these parameters; `wait` is true if the step waits for its end.
    Deploy { pipeline: String, parameters: Json, wait: bool },
    /// An instance of another workflow.
    Subworkflow { id: String, version: String, sync: bool, explicit_params: bool },
    /// Iterations of its steps with a concurrency limit.
    Foreach { combinations: Combinations, concurrency: u64, strict_ordering: bool },
    /// Iterations of its steps while the condition holds; `first` has the loop parameters of the first one.
    While { first: Ordered<Value> },
    /// A registered job type; its definition describes the work.
    Template { sub_type: String, version: Option<String> },
}

/// Why a step's work cannot begin; retries do not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkError {
    #[error("params.{name} is missing; {fix}")]
    Missing { name: String, fix: &'static str },
    #[error("params.{name} is {found}; {fix}")]
    Wrong { name: String, found: String, fix: String },
    #[error(transparent)]
    Loop(#[from] LoopError),
}

/// The work of a step, from its evaluated parameters.
///
/// # Errors
/// If a parameter that the type requires is missing or invalid.
pub fn doing(step: &Step, params: &Parameters) -> Result<Doing, WorkError> {
    match &step.kind {
        StepKind::Subworkflow { sync, explicit_params } => Ok(Doing::Subworkflow {
            id: text(params, "subworkflow_id", "name the workflow")?,
            version: text(params, "subworkflow_version", "name a version, active or latest")?,
            sync: sync.unwrap_or(true),
            explicit_params: explicit_params.unwrap_or(false),
        }),
        StepKind::Foreach { concurrency, strict_ordering, .. } => Ok(Doing::Foreach {
            combinations: Combinations::of(value(params, "loop_params", "name arrays to loop over")?)?,
            concurrency: concurrency.unwrap_or(FOREACH_CONCURRENCY_DEFAULT).clamp(1, FOREACH_CONCURRENCY_MAX),
            strict_ordering: strict_ordering.unwrap_or(false),
        }),
        StepKind::While { .. } => Ok(Doing::While {
            first: first(value(params, "loop_params", "name what changes from round to round")?)?,
        }),
        StepKind::Template { sub_type, sub_type_version } => Ok(Doing::Template {
            sub_type: sub_type.clone().unwrap_or_default(),
            version: sub_type_version.clone(),
        }),
        StepKind::Typed { step_type, .. } => typed(step, *step_type, params),
    }
}

fn typed(step: &Step, step_type: StepType, params: &Parameters) -> Result<Doing, WorkError> {
    let outside = |executor: &str, spec| Ok(Doing::Outside { executor: executor.to_owned(), spec });
    match step_type {
        StepType::Sleep => sleep(params),
        StepType::Http => outside("http", spec(step, params, "http")),
        StepType::Command => outside("command", command(step, params, "command")?),
        StepType::Train => outside("train", spec(step, params, "train")),
        StepType::Evaluate => outside("evaluate", spec(step, params, "evaluate")),
        StepType::Publish => outside("publish", spec(step, params, "publish")),
        StepType::Deploy => deploy(&spec(step, params, "deploy")),
        // A container becomes its command: the node runs the image's command.
        StepType::Kubernetes => outside("command", command(step, params, "kubernetes")?),
        StepType::Titus => outside("command", command(step, params, "titus")?),
        StepType::Notebook => outside("command", notebook(params)?),
        _ => Ok(Doing::Nothing),
    }
}

fn deploy(spec: &Json) -> Result<Doing, WorkError> {
    let wrong = |name: &str, found: &Json, fix: &str| WorkError::Wrong {
        name: name.to_owned(),
        found: found.to_string(),
        fix: fix.to_owned(),
    };
    let pipeline = match &spec["pipeline"] {
        Json::String(name) if !name.trim().is_empty() => name.clone(),
        found => return Err(wrong("pipeline", found, "name the pipeline that delivers")),
    };
    let parameters = match &spec["parameters"] {
        Json::Null => json!({}),
        Json::Object(given) => Json::Object(given.clone()),
        found => {
            return Err(wrong("parameters", found, "make it a map of what the pipeline is started with"));
        }
    };
    let wait = match &spec["wait"] {
        Json::Null => true,
        Json::Bool(wait) => *wait,
        found => return Err(wrong("wait", found, "make it true, to wait for the delivery's end, or false")),
    };
    Ok(Doing::Deploy { pipeline, parameters, wait })
}

fn sleep(params: &Parameters) -> Result<Doing, WorkError> {
    let Some(param) = params.get("sleep_seconds").and_then(|param| param.evaluated.as_ref()) else {
        return Ok(Doing::Sleep { ms: SLEEP_MS_DEFAULT });
    };
    let ms = match param {
        Value::Long(seconds) => u64::try_from(*seconds).ok().and_then(|seconds| seconds.checked_mul(1000)),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in range")]
        Value::Double(seconds) if (0.0..1e9).contains(seconds) => Some((seconds * 1000.0) as u64),
        Value::String(text) => crate::definition::Quantity::Text(text.clone()).millis(),
        _ => None,
    };
    match ms {
        Some(ms) if ms <= SLEEP_MS_MAX => Ok(Doing::Sleep { ms }),
        _ => Err(WorkError::Wrong {
            name: "sleep_seconds".into(),
            found: param.to_text(),
            fix: format!("write seconds from 0 to {}", SLEEP_MS_MAX / 1000),
        }),
    }
}

/// The spec for an executor: the map with the executor's name, or else all parameters that the step defines.
fn spec(step: &Step, params: &Parameters, own: &str) -> Json {
    let evaluated = |name: &str| params.get(name).and_then(|param| param.evaluated.as_ref());
    if let Some(map @ Value::Map(_)) = evaluated(own) {
        return map.to_json();
    }
    let mut all = Map::new();
    for name in step.params.keys() {
        if let Some(value) = evaluated(name) {
            all.insert(name.clone(), value.to_json());
        }
    }
    Json::Object(all)
}

/// A command with its environment, plus the marks of its output.
fn command(step: &Step, params: &Parameters, own: &str) -> Result<Json, WorkError> {
    let spec = spec(step, params, own);
    let mut argv = words(&spec["command"]);
    argv.extend(words(&spec["args"]));
    if argv.is_empty() {
        // Maestro's containers may have a shell line instead.
        match (spec["entrypoint"].as_str(), params.get("script").and_then(|param| param.evaluated.as_ref())) {
            (Some(line), _) => argv = shell(line),
            (None, Some(Value::String(line))) => argv = shell(line),
            _ => {
                let fix = "write the program and its arguments as an array of strings";
                return Err(WorkError::Missing { name: format!("{own}.command"), fix });
            }
        }
    }
    let mut env: Map<String, Json> = match &spec["env"] {
        Json::Object(entries) => entries.clone(),
        _ => Map::new(),
    };
    for (name, value) in super::OUTPUT_ENV {
        env.insert(name.to_owned(), value.into());
    }
    Ok(json!({ "command": argv, "env": env }))
}

fn words(json: &Json) -> Vec<String> {
    match json {
        Json::String(word) => vec![word.clone()],
        Json::Array(words) => {
            words.iter().map(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned)).collect()
        }
        _ => Vec::new(),
    }
}

fn shell(line: &str) -> Vec<String> {
    vec!["/bin/sh".to_owned(), "-c".to_owned(), line.to_owned()]
}

/// A notebook runs its script if it has one, and otherwise papermill as in Maestro's script.
fn notebook(params: &Parameters) -> Result<Json, WorkError> {
    let evaluated = |name: &str| params.get(name).and_then(|param| param.evaluated.as_ref());
    let argv = match (evaluated("script"), evaluated("notebook")) {
        (Some(Value::String(script)), _) => shell(script),
        (_, Some(Value::Map(notebook))) => match notebook.get("input_path") {
            Some(Value::String(path)) => {
                vec!["papermill".to_owned(), path.clone(), "-".to_owned()]
            }
            _ => {
                let fix = "write the notebook's path";
                return Err(WorkError::Missing { name: "notebook.input_path".into(), fix });
            }
        },
        _ => return Err(WorkError::Missing { name: "notebook".into(), fix: "write a map with input_path" }),
    };
    let env: Map<String, Json> =
        super::OUTPUT_ENV.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    Ok(json!({ "command": argv, "env": env }))
}

fn value<'a>(params: &'a Parameters, name: &str, fix: &'static str) -> Result<&'a Value, WorkError> {
    let value = params.get(name).and_then(|param| param.evaluated.as_ref());
    value.ok_or_else(|| WorkError::Missing { name: name.to_owned(), fix })
}

fn text(params: &Parameters, name: &str, fix: &'static str) -> Result<String, WorkError> {
    match value(params, name, fix)? {
        Value::String(text) if !text.trim().is_empty() => Ok(text.clone()),
        other => Err(WorkError::Wrong {
            name: name.to_owned(),
            found: other.sort().to_owned(),
            fix: fix.to_owned(),
        }),
    }
}
