//! Checks of triggers.

use super::params::Names;
use super::{params, signals};
use crate::bounds::TRIGGERS_MAX;
use crate::cron::{CronError, Schedule};
use crate::definition::{SignalTrigger, Step, Workflow};
use crate::tree::Report;

pub(super) fn check(workflow: &Workflow, scope: &Names<'_>, report: &Report) {
    let lists = [
        ("time_triggers", workflow.time_triggers.len()),
        ("signal_triggers", workflow.signal_triggers.len()),
    ];
    for (name, found) in lists {
        if found > TRIGGERS_MAX {
            let what = format!("{found} triggers are more than {TRIGGERS_MAX}");
            report.add(format!("workflow.{name}"), what, "use fewer");
        }
    }
    for (index, trigger) in workflow.time_triggers.iter().enumerate() {
        let path = format!("workflow.time_triggers[{index}]");
        match Schedule::of(trigger, &workflow.id) {
            Err(error) => {
                let field = match error {
                    CronError::Zone { .. } => "timezone",
                    CronError::Delay { .. } => "fuzzy_max_delay",
                    _ => "cron",
                };
                let text = error.to_string();
                let (what, fix) = text.split_once("; ").unwrap_or((&text, "mend it"));
                report.add(format!("{path}.{field}"), what, fix);
            }
            // Years in a schedule begin with 1970, and the search for a firing covers 50 years.
            Ok(schedule)
                if schedule.next_after(0).is_none() && schedule.next_after(1_767_225_600_000).is_none() =>
            {
                report.add(format!("{path}.cron"), "never fires", "change its day, month or year");
            }
            Ok(_) => {}
        }
    }
    for (index, trigger) in workflow.signal_triggers.iter().enumerate() {
        let path = format!("workflow.signal_triggers[{index}]");
        signal(trigger, &path, scope, report);
        ends(trigger, &workflow.steps, &path, report);
    }
}

/// Checks for a trigger on a signal that a step of its own workflow raises: it would start instances endlessly.
fn ends(trigger: &SignalTrigger, steps: &[Step], path: &str, report: &Report) {
    let mut definitions = trigger.definitions.iter();
    let (Some((name, entry)), None) = (definitions.next(), definitions.next()) else { return };
    if !entry.match_params.is_empty() || trigger.condition.is_some() || trigger.dedup_expr.is_some() {
        return;
    }
    if let Some(step) = raises(steps, name) {
        let what = format!("is raised by step {step}, so that each instance starts the next without end");
        let fix = "raise another signal, or give the trigger match_params, a condition or a dedup_expr";
        report.add(format!("{path}.definitions.{name}"), what, fix);
    }
}

/// The first step that raises a signal, nested steps included.
fn raises<'a>(steps: &'a [Step], name: &str) -> Option<&'a str> {
    steps.iter().find_map(|step| {
        let own = step.signal_outputs.iter().any(|output| output.name == name);
        if own { Some(step.id.as_str()) } else { raises(step.inner(), name) }
    })
}

fn signal(trigger: &SignalTrigger, path: &str, scope: &Names<'_>, report: &Report) {
    let definitions = format!("{path}.definitions");
    if trigger.definitions.is_empty() {
        report.add(&definitions, "names no signal", "name at least one");
    }
    signals::many(trigger.definitions.len(), &definitions, report);
    let keys = trigger.definitions.values().next().map_or(0, |entry| entry.join_keys.len());
    for (name, entry) in &trigger.definitions {
        let path = format!("{definitions}.{name}");
        signals::wide(entry.match_params.len(), &format!("{path}.match_params"), report);
        if entry.join_keys.len() != keys {
            let what = format!("{} keys join with {keys} of another signal", entry.join_keys.len());
            report.add(format!("{path}.join_keys"), what, "name as many keys for each signal");
        }
    }
    params::check(&trigger.params, &format!("{path}.params"), scope, report);
    let mut names = scope.clone();
    names.add(trigger.params.keys());
    if let Some(condition) = &trigger.condition {
        names.check_expression(condition, &format!("{path}.condition"), report);
    }
    if let Some(dedup) = &trigger.dedup_expr {
        names.check_expression(dedup, &format!("{path}.dedup_expr"), report);
    }
}
