//! Permits that a step acquires before its work. Each step requests them one by one in the order of their names, so two
//! steps cannot deadlock.

use troupe_runtime::Address;
use troupe_workflows::definition::{StepKind, StepType};
use troupe_workflows::status::StepStatus;

use super::outgoing::Outgoing;
use super::state::WorkflowRun;
use super::step_at::StepAt;
use super::turn::Turn;
use crate::orchestrator::permits::{Acquire, NAMED, Permitted, Release};

/// The permit with the concurrency limit of a workflow's steps.
pub(crate) fn of_workflow(workflow: &str) -> String {
    format!("steps-of:{workflow}")
}

/// The permit with the concurrency limit of an instance's steps, including the steps of its loops, which are runs of
/// their own. The name contains the limit, so the first request needs no earlier command that sets it.
fn of_instance(most: u64, workflow: &str, instance: u64) -> String {
    format!("{NAMED}{most}:{workflow}:{instance}")
}

/// The permits of one step, in a command's turn.
pub(super) struct PermitTurn<'t, 'a> {
    pub(super) turn: &'t mut Turn<'a>,
    pub(super) at: StepAt,
}

impl PermitTurn<'_, '_> {
    /// The permits that the step needs: one for each tag, and those of its workflow and instance if these have a limit.
    /// Steps without work of their own need none.
    fn needed(&self) -> Vec<String> {
        let (definition, begun) = (self.turn.definition(self.at), self.turn.begun);
        let works = match &definition.kind {
            StepKind::Typed { step_type, .. } => !matches!(step_type, StepType::NoOp | StepType::Join),
            _ => false,
        };
        if !works {
            return Vec::new();
        }
        let mut all: Vec<String> = definition.tags.iter().map(|tag| tag.name.clone()).collect();
        if begun.is_bounded() {
            all.push(of_workflow(&begun.workflow));
        }
        if let Some(most) = begun.within() {
            all.push(of_instance(most, &begun.workflow, begun.instance));
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Requests the first permit that the step needs; false if it needs none.
    pub(super) fn await_all(&mut self) -> bool {
        let needed = self.needed();
        if needed.is_empty() {
            return false;
        }
        if let Some(step) = self.turn.step_mut(self.at) {
            step.permits = needed.into_iter().map(|tag| (tag, false)).collect();
        }
        self.acquire_next()
    }

    /// Requests the first permit that the step lacks; false if it holds all.
    fn acquire_next(&mut self) -> bool {
        let id = self.turn.attempt_id(self.at);
        let owner = Address::of::<WorkflowRun>(self.turn.key);
        let step = self.turn.step_mut(self.at);
        let Some(tag) = step.and_then(super::step_run::StepRun::await_permit) else { return false };
        self.turn.send(Outgoing::Acquire(tag, Acquire { id, owner }));
        true
    }

    /// Takes the answer to a request: the step goes on, or fails if the permit was refused.
    pub(super) fn answered(&mut self, permitted: &Permitted) {
        let step = self.turn.step_mut(self.at);
        let Some(step) = step.filter(|step| step.status() == StepStatus::WaitingForPermits) else { return };
        let Some(held) = step.permits.iter_mut().find(|(tag, has)| *tag == permitted.tag && !has) else {
            return;
        };
        held.1 = true;
        if !permitted.refused.is_empty() {
            let why = format!("permit of {}: {}", permitted.tag, permitted.refused);
            return self.turn.attempt(self.at).fail(StepStatus::PlatformFailed, &why);
        }
        if !self.acquire_next() {
            self.turn.attempt(self.at).work();
        }
    }

    /// Releases the permits that the attempt holds, and the one that it has requested.
    pub(super) fn release(&mut self) {
        let id = self.turn.attempt_id(self.at);
        let Some(step) = self.turn.step_mut(self.at) else { return };
        let mut requested = true;
        for (tag, held) in std::mem::take(&mut step.permits) {
            // Permits after the first missing one were never requested.
            if requested {
                self.turn.send(Outgoing::Release(tag, Release { id: id.clone() }));
            }
            requested &= held;
        }
    }
}
