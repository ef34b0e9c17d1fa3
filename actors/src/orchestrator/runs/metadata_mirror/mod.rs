//! The mirror of a workflow's run in the metadata: a run of a flow with its steps, attempts, values and figures.
//! Clients of Metaflow and MLflow read it like the runs that they made.
//!
//! A workflow that trains, evaluates or publishes is mirrored, and any workflow with the tag [`TAG`]. The flow has the
//! workflow's id, the run's id consists of instance and run, and each step is a step with one task. All messages are
//! effects of the command that changed the workflow's run, so a node's death neither loses nor repeats one. A mirrored
//! run has no heartbeat: its workflow's run always reports the end.

mod messages;
mod mirror;
#[cfg(test)]
mod tests;
mod values;

use troupe_workflows::definition::{Step, StepType};

pub(super) use self::messages::MirrorMessage;
pub(super) use self::mirror::messages;
use super::messages::{Begin, Kind};
use crate::metadata::flows::NAME_BYTES_MAX;
use crate::metadata::runs::run_key;

/// A workflow with this tag is mirrored, independent of its step types.
pub const TAG: &str = "metaflow";

/// The flow of a workflow's mirrored runs.
#[must_use]
pub fn flow_of(workflow: &str) -> String {
    named(workflow)
}

/// The id of a mirrored run in its flow.
#[must_use]
pub fn mirror_id(instance: u64, run: u64) -> String {
    format!("maestro-{instance}-{run}")
}

/// The key of the metadata run that mirrors a run of an instance.
#[must_use]
pub fn run_key_of(workflow: &str, instance: u64, run: u64) -> String {
    run_key(&flow_of(workflow), &mirror_id(instance, run))
}

/// An id as a name in the metadata; a longer id is cut and gets its hash as suffix.
fn named(id: &str) -> String {
    if id.len() <= NAME_BYTES_MAX {
        return id.to_owned();
    }
    let sum = format!("~{:032x}", xxhash_rust::xxh3::xxh3_128(id.as_bytes()));
    let kept: String = id.chars().filter(char::is_ascii).take(NAME_BYTES_MAX - sum.len()).collect();
    kept + &sum
}

/// Whether a run is mirrored.
pub(super) fn is_mirrored(begun: &Begin) -> bool {
    let Kind::Instance { workflow, .. } = &begun.kind.0 else { return false };
    workflow.tags.iter().any(|tag| tag.name == TAG) || learns(&workflow.steps)
}

fn learns(steps: &[Step]) -> bool {
    let learns =
        |step: &Step| matches!(step.step_type(), StepType::Train | StepType::Evaluate | StepType::Publish);
    steps.iter().any(|step| learns(step) || self::learns(step.inner()))
}
