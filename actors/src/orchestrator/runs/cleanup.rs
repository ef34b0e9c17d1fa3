//! Cleanup of child runs that no query can reach any more. A run sends a bounded number of `Forget` with each log
//! entry, until all of its child runs have one.

use serde::{Deserialize, Serialize};
use troupe_runtime::Address;
use troupe_runtime::entity::Timer;
use troupe_runtime::{Command, Context, Decision};
use troupe_workflows::definition::{Step, StepKind};

use super::change::{Change, Live};
use super::loops::child_key;
use super::messages::{Begin, Forget, Tick};
use super::state::{Event, WorkflowRun};
use super::step_at::StepAt;
use super::step_run::StepRun;
use super::turn::TIMER;
use crate::stored::NamedFields;

/// Child runs that one log entry forgets.
const CHILDREN_A_TURN: usize = 256;

/// The child runs of one attempt that must still be forgotten: those whose number is below `left`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cleanup {
    #[serde(rename = "lane")]
    iteration: u64,
    #[serde(rename = "place")]
    step_index: usize,
    attempt: u32,
    left: u64,
}

impl Cleanup {
    /// The cleanup of a step's present attempt; `None` if it has no child runs. A subworkflow's instance belongs to its
    /// workflow.
    fn of(at: StepAt, step: &StepRun, definition: &Step) -> Option<Self> {
        let loops = matches!(definition.kind, StepKind::Foreach { .. } | StepKind::While { .. });
        let left = step.looping.as_ref().filter(|_| loops)?.next;
        let StepAt { iteration, step_index } = at;
        (left > 0).then_some(Self { iteration, step_index, attempt: step.attempt, left })
    }

    /// The key of the next run to forget; `None` if all are done.
    fn next_key(&mut self, of: &str) -> Option<String> {
        self.left = self.left.checked_sub(1)?;
        let at = StepAt { iteration: self.iteration, step_index: self.step_index };
        Some(child_key(of, at.attempt(self.attempt), self.left))
    }
}

impl Live {
    /// Schedules the cleanup of a step's child runs, because its attempt can no longer be queried.
    pub(super) fn clean_up_children(&mut self, at: StepAt, step: &StepRun, definition: &Step) {
        self.cleanup.extend(Cleanup::of(at, step, definition));
    }

    /// Removes all iterations and schedules the cleanup of their child runs.
    fn clean_up_all(&mut self, begun: &Begin) {
        for (iteration, held) in std::mem::take(&mut self.iterations) {
            for (step_index, (step, definition)) in held.steps.iter().zip(begun.steps()).enumerate() {
                self.clean_up_children(StepAt { iteration, step_index }, step, definition);
            }
        }
    }

    /// Takes the keys of the runs that this log entry forgets.
    pub(super) fn take_cleanup(&mut self, of: &str) -> Vec<String> {
        let mut keys = Vec::new();
        while let Some(last) = self.cleanup.last_mut()
            && keys.len() < CHILDREN_A_TURN
        {
            match last.next_key(of) {
                Some(key) => keys.push(key),
                None => drop(self.cleanup.pop()),
            }
        }
        self.cleanup.retain(|one| one.left > 0);
        keys
    }

    /// Whether one log entry cannot forget all scheduled runs.
    pub(super) fn exceeds_cleanup_limit(&self) -> bool {
        let left: u64 = self.cleanup.iter().map(|one| one.left).sum();
        left > CHILDREN_A_TURN as u64
    }
}

impl WorkflowRun {
    fn forget_runs<C: Command<Reply = ()>>(
        decision: Decision<Self, C>,
        keys: Vec<String>,
    ) -> Decision<Self, C> {
        keys.into_iter().fold(decision, |decision, key| decision.tell(Address::of::<Self>(key), &Forget {}))
    }

    /// Continues the cleanup of a run that has ended, and forgets the run itself if its parent no longer needs it.
    pub(super) fn clean_up<C: Command<Reply = ()>>(&self, ctx: &Context<'_>) -> Decision<Self, C> {
        if let Some(begun) = self.begun.as_deref().filter(|_| self.live.0.head.forget_at_end) {
            return self.forget(begun, ctx);
        }
        let mut left = self.live.0.clone();
        let keys = left.take_cleanup(ctx.key);
        let more = !left.cleanup.is_empty();
        let Some(change) = Change::between(&self.live.0, &left, Vec::new()) else {
            return Decision::unchanged().reply(());
        };
        let decision = Decision::event(Event::Changed(Box::new(NamedFields(change))));
        let decision = if more {
            decision.set_timer(TIMER, Timer::once(ctx.now, &Tick {}))
        } else {
            decision.cancel_timer(TIMER)
        };
        Self::forget_runs(decision, keys).reply(())
    }

    /// Marks a loop's run that has not ended yet: its stop may still pass through child runs of its own.
    pub(super) fn forget_later<C: Command<Reply = ()>>(&self) -> Decision<Self, C> {
        let mut later = self.live.0.clone();
        later.head.forget_at_end = true;
        match Change::between(&self.live.0, &later, Vec::new()) {
            Some(change) => Decision::event(Event::Changed(Box::new(NamedFields(change)))).reply(()),
            None => Decision::unchanged().reply(()),
        }
    }

    /// Forgets a run that has ended, after the cleanup of all its child runs.
    pub(super) fn forget<C: Command<Reply = ()>>(
        &self,
        begun: &Begin,
        ctx: &Context<'_>,
    ) -> Decision<Self, C> {
        let mut left = self.live.0.clone();
        left.clean_up_all(begun);
        let keys = left.take_cleanup(ctx.key);
        let change = Change::between(&self.live.0, &left, Vec::new()).filter(|_| !left.cleanup.is_empty());
        let decision = match change {
            Some(change) => Decision::event(Event::Changed(Box::new(NamedFields(change))))
                .set_timer(TIMER, Timer::once(ctx.now, &Forget {})),
            None => Decision::event(Event::Forgotten).cancel_timer(TIMER),
        };
        Self::forget_runs(decision, keys).reply(())
    }
}
