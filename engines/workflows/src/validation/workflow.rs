//! Checks of the whole workflow.

use std::collections::HashSet;

use super::params::Names;
use super::{names, params, steps, triggers};
use crate::bounds::{DEFINITION_BYTES_MAX, INSTANCE_STEP_CONCURRENCY_MAX, TIMEOUT_MS_MAX};
use crate::definition::{Step, Workflow};
use crate::params::workflow_defaults;
use crate::tree::Report;

pub(super) fn check(workflow: &Workflow, report: &Report) {
    names::id(&workflow.id, "workflow.id", report, true);
    names::name(workflow.name.as_ref(), "workflow.name", report);
    names::description(workflow.description.as_ref(), "workflow.description", report);
    names::tags(&workflow.tags, "workflow.tags", report);
    if let Some(timeout) = &workflow.timeout {
        names::quantity(timeout, "workflow.timeout", report, 1, TIMEOUT_MS_MAX, true);
    }
    let many = workflow.instance_step_concurrency;
    if many.is_some_and(|many| many > INSTANCE_STEP_CONCURRENCY_MAX) {
        let what = format!("is more than {INSTANCE_STEP_CONCURRENCY_MAX}");
        report.add("workflow.instance_step_concurrency", what, "use less");
    } else if many == Some(0) {
        let fix = "use 1 or more, or leave it out; to hold up all instances, set step_concurrency of the properties to 0";
        report.add("workflow.instance_step_concurrency", "is zero: no step would ever run", fix);
    }
    let bytes = serde_json::to_vec(workflow).map_or(0, |json| json.len());
    if bytes > DEFINITION_BYTES_MAX {
        let what = format!("{bytes} bytes are more than {DEFINITION_BYTES_MAX}");
        report.add("workflow", what, "split it into subworkflows");
    }
    let mut ids = HashSet::new();
    unique(&workflow.steps, "workflow.steps", &mut ids, report);
    let mut scope = Names::new(&ids);
    scope.signals = workflow.signal_triggers.iter().flat_map(|trigger| trigger.definitions.keys()).collect();
    scope.add(workflow_defaults().keys());
    params::check(&workflow.params, "workflow.params", &scope, report);
    scope.add(workflow.params.keys());
    scope.add(workflow.signal_triggers.iter().flat_map(|trigger| trigger.params.keys()));
    triggers::check(workflow, &scope, report);
    steps::check(&workflow.steps, "workflow.steps", &scope, report);
}

/// Step ids are unique in the whole workflow, loops included, because references do not name a list.
fn unique<'a>(steps: &'a [Step], path: &str, ids: &mut HashSet<&'a str>, report: &Report) {
    for (index, step) in steps.iter().enumerate() {
        let path = format!("{path}[{index}]");
        if !ids.insert(&step.id) {
            let what = format!("the id {:?} comes twice", step.id);
            report.add(format!("{path}.{}.id", step.wrapper()), what, "give each step its own id");
        }
        unique(step.inner(), &format!("{path}.{}.steps", step.wrapper()), ids, report);
    }
}
