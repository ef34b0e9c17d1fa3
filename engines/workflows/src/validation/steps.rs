//! Checks of lists of steps and of each step.

use super::params::Names;
use super::{loops, names, needs, params, signals};
use crate::bounds::{STEPS_MAX, TIMEOUT_MS_MAX};
use crate::definition::{Step, StepKind};
use crate::graph::Graph;
use crate::params::{step_defaults, type_defaults};
use crate::retries::bound;
use crate::tree::Report;

pub(super) fn check(steps: &[Step], path: &str, scope: &Names<'_>, report: &Report) {
    if steps.is_empty() {
        report.add(path, "is empty", "define at least one step");
    }
    if steps.len() > STEPS_MAX {
        let what = format!("{} steps are more than {STEPS_MAX}", steps.len());
        report.add(path, what, "move some to a subworkflow");
    }
    match Graph::of(steps) {
        Ok(graph) => {
            never(&graph, steps, path, report);
            predecessors(&graph, steps, path, report);
        }
        Err(problems) => {
            for problem in problems.0 {
                // Repeated ids are reported for the whole workflow.
                if !problem.path.ends_with(".id") {
                    report.add(inside(&problem.path, steps, path), problem.what, problem.fix);
                }
            }
        }
    }
    for (index, step) in steps.iter().enumerate() {
        one(step, &format!("{path}[{index}].{}", step.wrapper()), scope, report);
    }
}

/// A path in a list, such as `steps[2].x`, as a path of the document.
fn inside(own: &str, steps: &[Step], path: &str) -> String {
    let rest = own.strip_prefix("steps[").and_then(|rest| rest.split_once(']'));
    let step = rest.and_then(|(index, _)| index.parse::<usize>().ok()).and_then(|index| steps.get(index));
    match (rest, step) {
        (Some((index, rest)), Some(step)) => format!("{path}[{index}].{}{rest}", step.wrapper()),
        _ => format!("{path}.{own}"),
    }
}

/// Steps that are unreachable.
fn never(graph: &Graph, steps: &[Step], path: &str, report: &Report) {
    let mut unreachable = vec![false; graph.len()];
    for &index in graph.order() {
        let before = graph.predecessors(index);
        let closed = |from: &usize| {
            let edge = graph.successors(*from).iter().find(|edge| edge.to == index);
            let never = |condition: &str| condition.trim().trim_end_matches(';').trim() == "false";
            unreachable[*from] || edge.is_none_or(|edge| never(&edge.condition))
        };
        if !before.is_empty() && before.iter().all(closed) {
            unreachable[index] = true;
            let path = format!("{path}[{index}].{}", steps[index].wrapper());
            let what = format!("no edge leads to {}", steps[index].id);
            report.add(path, what, "change a condition that leads to it, or remove the step");
        }
    }
}

/// Checks that written predecessors agree with the successors.
fn predecessors(graph: &Graph, steps: &[Step], path: &str, report: &Report) {
    for (index, step) in steps.iter().enumerate() {
        let written = &step.transition.predecessors;
        if written.is_empty() {
            continue;
        }
        let made: Vec<&str> = graph.predecessors(index).iter().map(|from| graph.id(*from)).collect();
        let same = written.len() == made.len() && written.iter().all(|id| made.contains(&id.as_str()));
        if !same {
            let path = format!("{path}[{index}].{}.transition.predecessors", step.wrapper());
            report.add(path, format!("the successors make them {}", made.join(", ")), "leave them out");
        }
    }
}

fn one(step: &Step, path: &str, scope: &Names<'_>, report: &Report) {
    names::step_id(&step.id, &format!("{path}.id"), report);
    names::name(step.name.as_ref(), &format!("{path}.name"), report);
    names::description(step.description.as_ref(), &format!("{path}.description"), report);
    names::tags(&step.tags, &format!("{path}.tags"), report);
    let mut scope = scope.clone();
    scope.add(step_defaults().keys());
    scope.add(type_defaults(step.step_type()).keys());
    scope.open |= matches!(step.kind, StepKind::Template { .. });
    params::check(&step.params, &format!("{path}.params"), &scope, report);
    scope.add(step.params.keys());
    if let Some(timeout) = &step.timeout {
        let path = format!("{path}.timeout");
        names::quantity(timeout, &path, report, 1, TIMEOUT_MS_MAX, true);
        scope.check_text(timeout.text().unwrap_or_default(), &path, report);
    }
    for (field, quantity) in step.retry_policy.iter().flat_map(|policy| policy.quantities()) {
        let path = format!("{path}.retry_policy.{field}");
        names::quantity(quantity, &path, report, 0, bound(field), false);
        scope.check_text(quantity.text().unwrap_or_default(), &path, report);
    }
    for (to, condition) in &step.transition.successors {
        scope.check_expression(condition, &format!("{path}.transition.successors.{to}"), report);
    }
    signals::check(step, path, &scope, report);
    needs::check(step, path, report);
    match &step.kind {
        StepKind::Foreach { concurrency, steps, .. } => {
            loops::foreach(step, *concurrency, path, report);
            let inner = loops::names(step, &scope);
            check(steps, &format!("{path}.steps"), &inner, report);
        }
        StepKind::While { condition, steps } => {
            let inner = loops::names(step, &scope);
            loops::while_loop(step, condition, steps, path, &inner, report);
            check(steps, &format!("{path}.steps"), &inner, report);
        }
        StepKind::Template { .. } => {
            let what = "names a job template, but no template is registered here";
            report.add(path, what, "write the step out: as step with its type, or as subworkflow");
        }
        _ => {}
    }
}
