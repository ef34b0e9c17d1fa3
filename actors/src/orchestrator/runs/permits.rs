//! Permits that a step needs before its work begins, one after the other in the order of their names: two steps that need
//! the same ones cannot hold each other up.

use troupe_runtime::Address;
use troupe_workflows::definition::{StepKind, StepType};
use troupe_workflows::status::StepStatus;

use super::state::WorkflowRun;
use super::turn::{Told, Turn};
use crate::orchestrator::permits::{Acquire, NAMED, Permitted, Release};

/// The permit that bounds how many steps of a workflow run at once.
pub(crate) fn of_workflow(workflow: &str) -> String {
    format!("steps-of:{workflow}")
}

/// The permit that bounds how many steps of an instance work at once, those of its loops included, which are runs of
/// their own. Its name says the bound: who asks for it first need not wait until somebody has set it.
fn of_instance(most: u64, workflow: &str, instance: u64) -> String {
    format!("{NAMED}{most}:{workflow}:{instance}")
}

impl Turn<'_> {
    /// What a step needs: a permit for each of its tags, and that of its workflow or instance where these bound steps. Steps that
    /// do nothing themselves need none.
    fn needed(&self, place: usize) -> Vec<String> {
        let definition = self.definition(place);
        let works = match &definition.kind {
            StepKind::Typed { step_type, .. } => !matches!(step_type, StepType::NoOp | StepType::Join),
            _ => false,
        };
        if !works {
            return Vec::new();
        }
        let mut all: Vec<String> = definition.tags.iter().map(|tag| tag.name.clone()).collect();
        if self.begun.is_bounded() {
            all.push(of_workflow(&self.begun.workflow));
        }
        if let Some(most) = self.begun.within() {
            all.push(of_instance(most, &self.begun.workflow, self.begun.instance));
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Whether a step has to wait for permits.
    pub(super) fn awaits_permits(&mut self, lane: u64, place: usize) -> bool {
        let needed = self.needed(place);
        if needed.is_empty() {
            return false;
        }
        if let Some(step) = self.step(lane, place) {
            step.permits = needed.into_iter().map(|tag| (tag, false)).collect();
        }
        self.acquire_next(lane, place)
    }

    /// Asks for the first permit that the step lacks; false where it lacks none.
    fn acquire_next(&mut self, lane: u64, place: usize) -> bool {
        let id = self.id_of(lane, place);
        let owner = Address::of::<WorkflowRun>(self.key);
        let Some(step) = self.step(lane, place) else { return false };
        let Some((tag, _)) = step.permits.iter().find(|(_, has)| !has).cloned() else { return false };
        step.status = StepStatus::WaitingForPermits;
        step.why = format!("it waits for a permit of {tag}");
        self.told.push(Told::Acquire(tag, Acquire { id, owner }));
        true
    }

    /// A permit has come, or cannot be waited for.
    pub(super) fn permitted(&mut self, lane: u64, place: usize, permitted: &Permitted) {
        let Some(step) = self.step(lane, place).filter(|step| step.status == StepStatus::WaitingForPermits)
        else {
            return;
        };
        let Some(held) = step.permits.iter_mut().find(|(tag, has)| *tag == permitted.tag && !has) else {
            return;
        };
        held.1 = true;
        if !permitted.refused.is_empty() {
            let why = format!("permit of {}: {}", permitted.tag, permitted.refused);
            return self.fail(lane, place, StepStatus::PlatformFailed, &why);
        }
        if !self.acquire_next(lane, place) {
            self.work(lane, place);
        }
    }

    /// An attempt is over: what it holds, or waits for, is given back.
    pub(super) fn release(&mut self, lane: u64, place: usize) {
        let id = self.id_of(lane, place);
        let Some(step) = self.step(lane, place) else { return };
        let mut asked = true;
        for (tag, has) in std::mem::take(&mut step.permits) {
            // Those after the first one that it lacks were never asked for.
            if asked {
                self.told.push(Told::Release(tag, Release { id: id.clone() }));
            }
            asked &= has;
        }
    }
}
