//! What a well formed definition may still have wrong, all of it at once, by path.

use crate::definition::{Submission, Workflow};
use crate::tree::Problems;

/// Checks a submission.
///
/// # Errors
/// With every problem, each with its path and what to do about it.
pub fn validate(submission: &Submission) -> Result<(), Problems> {
    validate_workflow(&submission.workflow)
}

/// Checks a workflow without its properties.
///
/// # Errors
/// With every problem, each with its path and what to do about it.
pub fn validate_workflow(workflow: &Workflow) -> Result<(), Problems> {
    crate::graph::Graph::of(&workflow.steps).map(|_| ())
}
