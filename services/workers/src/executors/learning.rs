//! Training and evaluation, each a child of its own: neither may take memory or time from the node that serves.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use tokio::process::Command;
use troupe_actors::NamedFields;
use troupe_actors::coordination::work_queues::{Failure, Grant, Outcome};

use super::super::progress::Progress;
use super::super::task::failed;
use super::child;
use super::command::tail;
use super::dispatch::{ExecutorContext, spec};

/// Exit code of bad usage: another try would fail as well.
const BAD_USAGE: i32 = 2;

#[derive(Debug, Deserialize)]
struct Train {
    /// `ease`, `ials`, `popularity`.
    algorithm: String,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    seed: Option<u64>,
    /// Only events at or after this time, in milliseconds since the epoch.
    #[serde(default)]
    since_ms: Option<u64>,
    /// Only so many of each member's newest events.
    #[serde(default)]
    newest: Option<u32>,
    /// Without so many of each member's newest, which an evaluation asks for.
    #[serde(default)]
    leave_out: Option<u32>,
    /// Products of matrices that slow it down: for tests of what notices.
    #[serde(default)]
    weigh_down: Option<u32>,
}

/// Trains from the cluster's events; the result is a publication for the `publish` task.
pub(super) async fn train(context: &ExecutorContext, grant: &Grant, progress: Progress) -> Outcome {
    let spec: Train = match spec(grant) {
        Ok(spec) => spec,
        Err(outcome) => return outcome,
    };
    let mut arguments = vec!["train".to_owned(), spec.algorithm.clone(), "--no-publish".to_owned()];
    let mut option = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            arguments.extend([format!("--{name}"), value]);
        }
    };
    option("model", spec.model);
    option("seed", spec.seed.map(|seed| seed.to_string()));
    option("since-ms", spec.since_ms.map(|since| since.to_string()));
    option("newest", spec.newest.map(|newest| newest.to_string()));
    option("leave-out", spec.leave_out.map(|left| left.to_string()));
    option("weigh-down", spec.weigh_down.map(|products| products.to_string()));
    ourselves(context, arguments, progress).await
}

#[derive(Debug, Deserialize)]
struct Evaluate {
    /// The ONNX object in the lake.
    artifact: String,
    /// The vocabulary object in the lake.
    vocabulary: String,
    #[serde(default)]
    newest: Option<u32>,
    /// Only those of them at or after this time, in milliseconds since the epoch.
    #[serde(default)]
    since_ms: Option<u64>,
    /// The model with the champion to compare with.
    #[serde(default)]
    model: Option<String>,
    /// Goals by metric; what misses one fails.
    #[serde(default)]
    at_least: BTreeMap<String, f64>,
}

/// Asks a model for each member's newest event, and the champion for the same.
pub(super) async fn evaluate(context: &ExecutorContext, grant: &Grant, progress: Progress) -> Outcome {
    let spec: Evaluate = match spec(grant) {
        Ok(spec) => spec,
        Err(outcome) => return outcome,
    };
    let mut arguments = vec!["evaluate".to_owned(), spec.artifact, spec.vocabulary];
    if let Some(newest) = spec.newest {
        arguments.extend(["--newest".to_owned(), newest.to_string()]);
    }
    if let Some(since) = spec.since_ms {
        arguments.extend(["--since-ms".to_owned(), since.to_string()]);
    }
    if let Some(model) = spec.model {
        arguments.extend(["--model".to_owned(), model]);
    }
    let outcome = ourselves(context, arguments, progress).await;
    let Outcome::Done { output } = &outcome else { return outcome };
    for (metric, least) in &spec.at_least {
        match output.0[metric].as_f64() {
            Some(value) if value >= *least => {}
            Some(value) => {
                return failed(format!("{metric} is {value:.4}, {least} is the least"), Failure::User);
            }
            None => return failed(format!("at_least: unknown metric {metric:?}"), Failure::Fatal),
        }
    }
    outcome
}

/// Runs this same program as a child; its last line is the result.
async fn ourselves(context: &ExecutorContext, arguments: Vec<String>, progress: Progress) -> Outcome {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return failed(format!("this program's own path: {error}"), Failure::Platform),
    };
    let mut command = Command::new(program);
    command.args(arguments).arg("--config").arg(&context.cluster).arg("--json-line");
    let ended = match child::run(command, context.config.output_bytes_max, &progress).await {
        Ok(ended) => ended,
        Err(error) => return failed(error.to_string(), Failure::Platform),
    };
    match (ended.code, ended.out.lines().last().map(serde_json::from_str::<Value>)) {
        (Some(0), Some(Ok(output))) => Outcome::Done { output: NamedFields(output) },
        (Some(0), _) => failed("it ended without a result", Failure::Platform),
        (Some(BAD_USAGE), _) => failed(tail(&ended.err), Failure::Fatal),
        (Some(_), _) => failed(tail(&ended.err), Failure::User),
        (None, _) => failed("it was ended by a signal", Failure::Platform),
    }
}
