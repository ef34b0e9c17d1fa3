//! A program that the configuration allows.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Command;
use troupe_actors::NamedFields;
use troupe_actors::coordination::work_queues::{Failure, Grant, Outcome};

use super::super::progress::Progress;
use super::super::task::failed;
use super::child;
use super::dispatch::{ExecutorContext, spec};

#[derive(Debug, Deserialize)]
struct Spec {
    /// The program's path, then its arguments.
    command: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

/// Runs the program. Exit code 0 is success; a last line in JSON is the result.
pub(super) async fn run(context: &ExecutorContext, grant: &Grant, progress: Progress) -> Outcome {
    let spec: Spec = match spec(grant) {
        Ok(spec) => spec,
        Err(outcome) => return outcome,
    };
    let Some((program, arguments)) = spec.command.split_first() else {
        return failed("command: must name a program", Failure::Fatal);
    };
    if !context.config.commands.contains(program) {
        let why = format!("command: {program:?} is not among work.commands of this node's configuration");
        return failed(why, Failure::Fatal);
    }
    let mut command = Command::new(program);
    // A program of a stranger's definition gets nothing of this node's environment, which may hold secrets.
    command.args(arguments).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").envs(&spec.env);
    command.env("TROUPE_TASK", &grant.id);
    let ended = match child::run(command, context.config.output_bytes_max, &progress).await {
        Ok(ended) => ended,
        Err(error) => return failed(format!("{program}: {error}"), Failure::Platform),
    };
    match ended.code {
        Some(0) => {
            let last = ended.out.lines().last().unwrap_or_default();
            let result: Value = serde_json::from_str(last).unwrap_or(Value::Null);
            Outcome::Done { output: NamedFields(json!({ "code": 0, "stdout": ended.out, "result": result })) }
        }
        Some(code) => {
            let said = tail(&ended.err);
            let colon = if said.is_empty() { "" } else { ": " };
            failed(format!("{program} ended with {code}{colon}{said}"), of_its_output(&ended.out))
        }
        None => failed(format!("{program} was ended by a signal"), Failure::Platform),
    }
}

/// A program that failed may say in its output that another try would fail as well.
fn of_its_output(out: &str) -> Failure {
    match troupe_workflows::work::output(&json!({ "stdout": out })) {
        Ok(output) if output.retryable == Some(false) => Failure::Fatal,
        _ => Failure::User,
    }
}

/// The last words of an error.
pub(super) fn tail(text: &str) -> String {
    let from = text.char_indices().rev().nth(299).map_or(0, |(at, _)| at);
    text.get(from..).unwrap_or_default().replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_says_so_is_not_tried_again() {
        let [(_, from), (_, to)] = troupe_workflows::work::OUTPUT_ENV;
        let said = |retryable: bool| {
            let artifacts =
                json!({ "artifacts": { "maestro_retry": { "type": "RETRY", "retryable": retryable } } });
            of_its_output(&format!("working\n{from}{artifacts}{to}\n"))
        };
        assert_eq!(said(false), Failure::Fatal);
        assert_eq!((said(true), of_its_output("working\n")), (Failure::User, Failure::User));
    }
}
