//! Validation of a well formed definition. It reports all problems by path.

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
/// With every problem, its path and its fix.
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
/// With every problem, its path and its fix.
pub fn validate_workflow(workflow: &Workflow) -> Result<(), Problems> {
    let report = Report::default();
    workflow::check(workflow, &report);
    report.finish(Some(()))
}

/// Checks properties alone.
///
/// # Errors
/// With every problem, its path and its fix.
pub fn validate_properties(properties: &Properties) -> Result<(), Problems> {
    let report = Report::default();
    properties::check(properties, &report);
    report.finish(Some(()))
}
