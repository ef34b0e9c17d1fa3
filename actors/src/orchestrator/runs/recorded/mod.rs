//! What a run of a workflow tells the metadata of itself: a run of a flow, with its steps, attempts, values and figures,
//! which the clients of Metaflow and MLflow read like those that they made.
//!
//! A workflow that trains, evaluates or publishes is recorded, and any that has the tag [`TAG`]. The flow has the
//! workflow's id, the run is named by instance and run, each step is a step with one task. Everything is told by effects
//! of the command that changed the workflow's run, so that a node's death neither loses nor doubles it, and nobody has to
//! beat: a run of a workflow ends by itself, and says so.

mod scribe;
#[cfg(test)]
mod tests;
mod told;
mod values;

use troupe_workflows::definition::{Step, StepType};

use self::scribe::Scribe;
pub(super) use self::told::{Record, tell};
use super::change::Live;
use super::messages::{Begin, Kind};
use super::turn::{Told, Turn};
use crate::metadata::flows::NAME_BYTES_MAX;
use crate::metadata::runs::run_key;

/// A workflow with this tag is recorded, whatever its steps do.
pub const TAG: &str = "metaflow";

/// The flow that a workflow's runs are runs of.
#[must_use]
pub fn flow_of(workflow: &str) -> String {
    named(workflow)
}

/// By which a run is addressed in its flow.
#[must_use]
pub fn recorded_as(instance: u64, run: u64) -> String {
    format!("maestro-{instance}-{run}")
}

/// The key of the run that records a run of an instance.
#[must_use]
pub fn run_key_of(workflow: &str, instance: u64, run: u64) -> String {
    run_key(&flow_of(workflow), &recorded_as(instance, run))
}

/// An id as a name in the metadata; one that is too long is cut, and told apart by its sum.
fn named(id: &str) -> String {
    if id.len() <= NAME_BYTES_MAX {
        return id.to_owned();
    }
    let sum = format!("~{:032x}", xxhash_rust::xxh3::xxh3_128(id.as_bytes()));
    let kept: String = id.chars().filter(char::is_ascii).take(NAME_BYTES_MAX - sum.len()).collect();
    kept + &sum
}

/// Whether a run is recorded.
pub(super) fn is_recorded(begun: &Begin) -> bool {
    let Kind::Instance { workflow, .. } = &begun.kind.0 else { return false };
    workflow.tags.iter().any(|tag| tag.name == TAG) || learns(&workflow.steps)
}

fn learns(steps: &[Step]) -> bool {
    let learns =
        |step: &Step| matches!(step.step_type(), StepType::Train | StepType::Evaluate | StepType::Publish);
    steps.iter().any(|step| learns(step) || self::learns(step.inner()))
}

impl Turn<'_> {
    /// Tells the metadata what this command changed.
    pub(super) fn record(&mut self, before: &Live) {
        if !self.live.head.recorded {
            return;
        }
        let mut scribe = Scribe::new(self);
        scribe.write(before, &self.live, &self.graph);
        self.told.extend(scribe.records.into_iter().map(|record| Told::Record(Box::new(record))));
    }
}
