//! Checks of the parameters that a step's type requires.

use crate::definition::{Literal, ParamBody, Step, StepType};
use crate::tree::Report;

/// For a type: the map that may contain the parameters, and each required one with its alternative names.
fn needed(step_type: StepType) -> Option<(&'static str, &'static [&'static [&'static str]])> {
    Some(match step_type {
        StepType::Http => ("http", &[&["url"]]),
        StepType::Command => ("command", &[&["command", "entrypoint", "script"]]),
        StepType::Kubernetes => ("kubernetes", &[&["command", "entrypoint", "args", "script"]]),
        StepType::Titus => ("titus", &[&["command", "entrypoint", "args", "script"]]),
        StepType::Notebook => ("notebook", &[&["input_path", "script"]]),
        StepType::Train => ("train", &[&["algorithm"]]),
        StepType::Evaluate => ("evaluate", &[&["artifact"], &["vocabulary"]]),
        StepType::Publish => ("publish", &[&["model"], &["publication"]]),
        StepType::Deploy => ("deploy", &[&["pipeline"]]),
        StepType::Subworkflow => ("subworkflow", &[&["subworkflow_id"]]),
        _ => return None,
    })
}

pub(super) fn check(step: &Step, path: &str, report: &Report) {
    let Some((map, needed)) = needed(step.step_type()) else { return };
    // The value of an expression is not known at validation.
    let map = match step.params.get(map).map(|param| &param.body) {
        Some(ParamBody::Expression(_)) => return,
        Some(ParamBody::Literal(Literal::Map(entries))) => Some(entries),
        Some(ParamBody::Literal(Literal::StringMap(entries))) => {
            report_missing(
                needed,
                |name| entries.contains_key(name) || step.params.contains_key(name),
                path,
                report,
            );
            return;
        }
        _ => None,
    };
    let has =
        |name: &str| step.params.contains_key(name) || map.is_some_and(|entries| entries.contains_key(name));
    report_missing(needed, has, path, report);
}

fn report_missing(needed: &[&[&str]], has: impl Fn(&str) -> bool, path: &str, report: &Report) {
    for names in needed {
        if !names.iter().any(|name| has(name)) {
            let path = format!("{path}.params.{}", names[0]);
            report.add(path, "is missing", format!("define {}", names.join(" or ")));
        }
    }
}
