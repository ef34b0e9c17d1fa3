//! Breakpoints: steps that pause before they start. They belong to the workflow, which sends each change to its runs,
//! and a run passes it on to the loops that run in it.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Context, Decide, Decision, command};
use troupe_workflows::definition::StepKind;
use troupe_workflows::status::StepStatus;

use super::outgoing::Outgoing;
use super::state::WorkflowRun;
use super::step_at::StepAt;
use super::turn::Turn;

/// Sets the breakpoints of a run and of the loops that run in it.
#[command("breakpoints.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetBreakpoints {
    /// The ids of all steps that pause.
    pub steps: Vec<String>,
    /// Whether paused steps without a breakpoint resume.
    #[serde(default)]
    pub resume: bool,
}

impl Turn<'_> {
    /// The ids of the steps that pause.
    pub(super) fn breakpoints(&self) -> &[String] {
        self.live.head.breakpoints.as_ref().unwrap_or(&self.begun.breakpoints)
    }

    pub(super) fn pauses(&self, at: StepAt) -> bool {
        self.breakpoints().iter().any(|id| id == self.id(at))
    }

    fn set_breakpoints(&mut self, ask: &SetBreakpoints) {
        self.live.head.breakpoints = Some(ask.steps.clone());
        for at in self.steps_where(|_, step| step.status() == StepStatus::Paused || step.looping.is_some()) {
            let status = self.step(at).map_or(StepStatus::NotCreated, super::step_run::StepRun::status);
            if status == StepStatus::Paused && ask.resume && !self.pauses(at) {
                self.attempt(at).resume();
                self.line(format!("step {}: its breakpoint was taken away", self.id(at)));
            } else if status.is_active() {
                self.forward_breakpoints(at, ask);
            }
        }
    }

    /// Sends the breakpoints to the runs of a loop.
    fn forward_breakpoints(&mut self, at: StepAt, ask: &SetBreakpoints) {
        if !matches!(self.definition(at).kind, StepKind::Foreach { .. } | StepKind::While { .. }) {
            return;
        }
        let running = self.step(at).and_then(|step| step.looping.as_ref());
        let running = running.map(|looping| looping.running.clone()).unwrap_or_default();
        for number in running {
            let key = self.children(at).child_key(number);
            self.send(Outgoing::Breakpoints(key, ask.clone()));
        }
    }
}

impl Decide<SetBreakpoints> for WorkflowRun {
    fn decide(&self, ask: &SetBreakpoints, ctx: &Context<'_>) -> Decision<Self, SetBreakpoints> {
        let Some(begun) = self.begun.as_deref() else { return Decision::unchanged().reply(()) };
        if self.goes_on() {
            return self.carry(ctx, |turn| turn.set_breakpoints(ask));
        }
        // A run that has ended may be restarted: then the new breakpoints apply.
        let mut turn = Turn::new(begun, self.live.0.clone(), ctx);
        turn.live.head.breakpoints = Some(ask.steps.clone());
        turn.decide(&self.live.0, Decision::unchanged()).reply(())
    }
}
