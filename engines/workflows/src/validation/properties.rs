//! Checks of properties.

use super::names;
use crate::bounds::{STEP_CONCURRENCY_MAX, WORKFLOW_CONCURRENCY_MAX};
use crate::definition::{Properties, Rule};
use crate::tree::Report;

pub(super) fn check(properties: &Properties, report: &Report) {
    names::name(properties.owner.as_ref(), "properties.owner", report);
    names::description(properties.description.as_ref(), "properties.description", report);
    names::tags(properties.tags.as_deref().unwrap_or_default(), "properties.tags", report);
    if let Some(strategy) = properties.run_strategy {
        let (path, many) = ("properties.run_strategy.workflow_concurrency", strategy.workflow_concurrency);
        if many > WORKFLOW_CONCURRENCY_MAX {
            report.add(path, format!("{many} is more than {WORKFLOW_CONCURRENCY_MAX}"), "use less");
        } else if many > 1 && strategy.rule != Rule::Parallel {
            let what = format!("{many} instances do not go with {}", strategy.rule);
            report.add(path, what, "use PARALLEL, or leave it out");
        }
    }
    if properties.step_concurrency.is_some_and(|many| many > STEP_CONCURRENCY_MAX) {
        let what = format!("is more than {STEP_CONCURRENCY_MAX}");
        report.add("properties.step_concurrency", what, "use less");
    }
}
