//! Checks of loops: they need values and an end.

use super::params::Names;
use crate::bounds::{FOREACH_CONCURRENCY_MAX, ITERATIONS_MAX, LOOP_PARAMS_MAX};
use crate::definition::{Literal, ParamBody, ParamDefinitions, ParamType, Step};
use crate::expression::Program;
use crate::params::Value;
use crate::tree::Report;

fn loop_params(step: &Step) -> Option<&ParamDefinitions> {
    match step.params.get("loop_params")?.value() {
        Some(Literal::Map(loops)) => Some(loops),
        _ => None,
    }
}

/// The names in scope of the steps inside a loop.
pub(super) fn names<'a>(step: &Step, scope: &Names<'a>) -> Names<'a> {
    let mut names = scope.clone();
    names.add(["loop_index"]);
    match loop_params(step) {
        Some(loops) => names.add(loops.keys()),
        // The value of an expression is not known at validation.
        None => names.open |= step.params.contains_key("loop_params"),
    }
    names
}

pub(super) fn foreach(step: &Step, concurrency: Option<u64>, path: &str, report: &Report) {
    if concurrency.is_some_and(|many| many == 0 || many > FOREACH_CONCURRENCY_MAX) {
        let fix = format!("use 1 to {FOREACH_CONCURRENCY_MAX}");
        report.add(format!("{path}.concurrency"), "does not fit", fix);
    }
    let path = format!("{path}.params.loop_params");
    let Some(loops) = known(step, &path, report) else { return };
    let mut count = 1_u128;
    for (name, param) in loops {
        let path = format!("{path}.value.{name}");
        let array = matches!(
            param.param_type,
            ParamType::StringArray | ParamType::LongArray | ParamType::DoubleArray | ParamType::BooleanArray
        );
        if !array {
            report.add(
                format!("{path}.type"),
                format!("{} is not an array", param.param_type),
                "loop over an array",
            );
        }
        if let ParamBody::Literal(literal) = &param.body
            && let Some(len) = Value::from_literal(literal).and_then(|value| value.array_len())
        {
            count = count.saturating_mul(len as u128);
            if len == 0 {
                report.add(
                    format!("{path}.value"),
                    "is empty: there is nothing to loop over",
                    "write its elements",
                );
            }
        }
    }
    if count > u128::from(ITERATIONS_MAX) {
        let what = format!("the arrays make {count} iterations, {ITERATIONS_MAX} at most");
        report.add(path, what, "shorten the arrays, or nest loops");
    }
}

/// The literal loop parameters; `None` if they are missing or an expression.
fn known<'a>(step: &'a Step, path: &str, report: &Report) -> Option<&'a ParamDefinitions> {
    let Some(param) = step.params.get("loop_params") else {
        report.add(path, "is missing", "write a MAP of what to loop over");
        return None;
    };
    if param.param_type != ParamType::Map {
        report.add(format!("{path}.type"), format!("{} is not a MAP", param.param_type), "write a MAP");
        return None;
    }
    let loops = loop_params(step)?;
    if loops.is_empty() {
        report.add(path, "is empty: there is nothing to loop over", "name at least one parameter");
        return None;
    }
    if loops.len() > LOOP_PARAMS_MAX {
        let what = format!("{} parameters are more than {LOOP_PARAMS_MAX}", loops.len());
        report.add(path, what, "loop over fewer");
    }
    Some(loops)
}

pub(super) fn while_loop(
    step: &Step,
    condition: &str,
    steps: &[Step],
    path: &str,
    names: &Names<'_>,
    report: &Report,
) {
    let loops = known(step, &format!("{path}.params.loop_params"), report);
    let path = format!("{path}.condition");
    names.check_expression(condition, &path, report);
    let (Some(loops), Ok(program)) = (loops, Program::parse(condition)) else { return };
    // Time and random values can also end a loop.
    let moving = ["currentTimeMillis", "now", "Now", "random", "DateTime()", "nextUniqueId"];
    if moving.iter().any(|word| condition.contains(word)) {
        return;
    }
    let asked: Vec<&String> = program.references().iter().filter(|name| loops.contains_key(*name)).collect();
    if condition.trim().trim_end_matches(';').trim() == "false" {
        report.add(path, "is never true: the loop has no round", "write when the loop goes on");
    } else if asked.is_empty() {
        let what = "does not ask for any of loop_params: the loop has no end";
        report.add(path, what, "compare a parameter that the steps inside change");
    } else if !steps.iter().any(|inner| asked.iter().any(|name| inner.params.contains_key(*name))) {
        let what = "asks for parameters that no step inside changes: the loop has no end";
        report.add(path, what, format!("give a step inside a parameter {}", asked[0]));
    }
}
