//! The output of a step's work: parameters, signals, and whether a failure may be retried.
//!
//! A command prints it as JSON between two marks, which its environment contains. Other executors return JSON that may
//! have the same keys.

use serde::Deserialize;
use serde_json::Value as Json;

use super::WorkError;
use crate::Ordered;
use crate::params::{Parameter, Parameters, Value};

/// The marks around a command's output, by environment variable.
pub const OUTPUT_ENV: [(&str, &str); 2] = [
    ("MAESTRO_OUTPUT_START", "MAESTRO_OUTPUT_START_TOKEN"),
    ("MAESTRO_OUTPUT_END", "MAESTRO_OUTPUT_END_TOKEN"),
];

/// The output of a step's work.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Output {
    /// Parameters for [`crate::params::merge_outputs`].
    pub params: Parameters,
    /// Signals to raise in addition to the definition's: the `name`, and the other fields as parameters.
    pub signals: Vec<(String, Ordered<Value>)>,
    /// Whether a failure may be retried, if the output has the field.
    pub retryable: Option<bool>,
}

/// The text between the last pair of marks. A printed environment does not count as a mark.
#[must_use]
pub fn marked(stdout: &str) -> Option<&str> {
    let [start, end] = OUTPUT_ENV;
    let to = last(stdout, end)?;
    let from = last(stdout.get(..to)?, start)? + start.1.len();
    stdout.get(from..to)
}

/// The last position of a mark, other than as the value of its variable.
fn last(text: &str, (name, mark): (&str, &str)) -> Option<usize> {
    let listed = |at: &usize| text[..*at].strip_suffix('=').is_some_and(|before| before.ends_with(name));
    text.rmatch_indices(mark).map(|(at, _)| at).find(|at| !listed(at))
}

/// Reads an executor's result: a command's `stdout`, or an object with `params` and `artifacts`. Any other result has
/// no output.
///
/// # Errors
/// If the text between the marks is not a valid output.
pub fn output(answer: &Json) -> Result<Output, WorkError> {
    let text = answer["stdout"].as_str().and_then(marked).map(str::trim).filter(|text| !text.is_empty());
    let parsed;
    let answer = match text {
        Some(text) => {
            parsed = serde_json::from_str::<Json>(text).map_err(|error| wrong("", &error.to_string()))?;
            &parsed
        }
        None => answer,
    };
    let mut read = Output::default();
    if let Json::Object(params) = &answer["params"] {
        for (name, param) in params {
            let param = Parameter::deserialize(param)
                .map_err(|error| wrong(&format!("params.{name}"), &error.to_string()))?;
            read.params.insert(name.clone(), param);
        }
    }
    let artifacts = &answer["artifacts"];
    read.retryable = artifacts["maestro_retry"]["retryable"].as_bool();
    for signal in artifacts["maestro_dynamic_output"]["signal_outputs"].as_array().into_iter().flatten() {
        read.signals.push(raised(signal)?);
    }
    Ok(read)
}

fn raised(signal: &Json) -> Result<(String, Ordered<Value>), WorkError> {
    let entries = match (&signal["evaluated_result"], &signal["value"]) {
        (Json::Object(entries), _) => entries,
        (_, Json::Object(entries)) => entries,
        _ => return Err(wrong("artifacts.maestro_dynamic_output.signal_outputs", "a signal has no value")),
    };
    let mut name = None;
    let mut params = Ordered::new();
    for (key, value) in entries {
        // An unevaluated value is a definition, and its literal counts.
        let value = if value.is_object() { &value["value"] } else { value };
        let value = Value::plain(&crate::tree::Tree::from(value));
        if key == "name" { name = Some(value.to_text()) } else { drop(params.insert(key.clone(), value)) }
    }
    let missing = || wrong("artifacts.maestro_dynamic_output.signal_outputs", "a signal has no name");
    Ok((name.ok_or_else(missing)?, params))
}

fn wrong(path: &str, what: &str) -> WorkError {
    let name = if path.is_empty() { "output".to_owned() } else { format!("output.{path}") };
    WorkError::Wrong {
        name,
        found: what.to_owned(),
        fix: "print one JSON object between the marks".to_owned(),
    }
}
