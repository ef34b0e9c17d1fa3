//! Breakpoints: they are their workflow's, and a run is told of each change, with the loops that run in it. What a run began
//! with holds until then.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Command, Context, Decide, Decision};
use troupe_workflows::definition::StepKind;
use troupe_workflows::status::StepStatus;

use super::state::WorkflowRun;
use super::turn::{Told, Turn};

/// Changes which steps pause, from now on and in the loops that run.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetBreakpoints {
    /// All that pause.
    pub steps: Vec<String>,
    /// Whether those go on that are paused and should not be any more.
    #[serde(default)]
    pub resume: bool,
}

impl Command for SetBreakpoints {
    const VERB: &'static str = "breakpoints.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

impl Turn<'_> {
    /// Steps that pause when they come to start.
    pub(super) fn breakpoints(&self) -> &[String] {
        self.live.head.breakpoints.as_ref().unwrap_or(&self.begun.breakpoints)
    }

    pub(super) fn pauses(&self, place: usize) -> bool {
        self.breakpoints().iter().any(|id| id == self.graph.id(place))
    }

    /// Lets a step go on from its breakpoint.
    pub(super) fn go_on(&mut self, lane: u64, place: usize) {
        if let Some(step) = self.step(lane, place) {
            step.resumed = true;
            step.attempt -= 1;
        }
        self.start_step(lane, place);
    }

    fn set_breakpoints(&mut self, ask: &SetBreakpoints) {
        self.live.head.breakpoints = Some(ask.steps.clone());
        let lanes = self.live.lanes.iter();
        let all: Vec<(u64, usize, StepStatus, bool)> = lanes
            .flat_map(|(number, lane)| {
                let steps = lane.steps.iter().enumerate();
                steps.map(|(place, step)| (*number, place, step.status, step.looping.is_some()))
            })
            .collect();
        for (lane, place, status, loops) in all {
            if status == StepStatus::Paused && ask.resume && !self.pauses(place) {
                self.go_on(lane, place);
                self.line(format!("step {}: its breakpoint was taken away", self.graph.id(place)));
            }
            let inner =
                matches!(self.definition(place).kind, StepKind::Foreach { .. } | StepKind::While { .. });
            if loops && inner && status.is_active() {
                self.tell_children(lane, place, ask);
            }
        }
    }

    fn tell_children(&mut self, lane: u64, place: usize, ask: &SetBreakpoints) {
        let running = self.step(lane, place).and_then(|step| step.looping.as_ref());
        let running = running.map(|looping| looping.running.clone()).unwrap_or_default();
        for number in running {
            let key = self.child_key(lane, place, number);
            self.told.push(Told::Breakpoints(key, ask.clone()));
        }
    }
}

impl Decide<SetBreakpoints> for WorkflowRun {
    fn decide(&self, ask: &SetBreakpoints, ctx: &Context<'_>) -> Decision<Self, SetBreakpoints> {
        let Some(begun) = self.begun.as_deref() else { return Decision::unchanged().reply(()) };
        if self.goes_on() {
            return self.carry(ctx, |turn| turn.set_breakpoints(ask));
        }
        // One that is over may be run anew.
        let mut turn = Turn::new(begun, self.live.0.clone(), ctx);
        turn.live.head.breakpoints = Some(ask.steps.clone());
        turn.decide(&self.live.0, Decision::unchanged()).reply(())
    }
}
