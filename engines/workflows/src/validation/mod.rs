//! What a well formed definition may still have wrong, all of it at once, by path.

mod loops;
mod names;
mod needs;
mod params;
mod properties;
mod signals;
mod steps;
#[cfg(test)]
mod tests;
mod triggers;
mod workflow;

use crate::definition::{Properties, Submission, Workflow};
use crate::tree::{Problems, Report};

/// Checks a submission.
///
/// # Errors
/// With every problem, each with its path and what to do about it.
pub fn validate(submission: &Submission) -> Result<(), Problems> {
    let report = Report::default();
    if let Some(properties) = &submission.properties {
        properties::check(properties, &report);
    }
    workflow::check(&submission.workflow, &report);
    report.finish(Some(()))
}

/// Checks a workflow without its properties.
///
/// # Errors
/// With every problem, each with its path and what to do about it.
pub fn validate_workflow(workflow: &Workflow) -> Result<(), Problems> {
    let report = Report::default();
    workflow::check(workflow, &report);
    report.finish(Some(()))
}

/// Checks properties alone.
///
/// # Errors
/// With every problem, each with its path and what to do about it.
pub fn validate_properties(properties: &Properties) -> Result<(), Problems> {
    let report = Report::default();
    properties::check(properties, &report);
    report.finish(Some(()))
}
