//! Acts of people on one step: stop, kill, skip, resume, retry, bypass.

use troupe_runtime::{Context, Decide, Decision, Refused};
use troupe_workflows::status::StepStatus;

use super::messages::{Act, ActOn};
use super::state::WorkflowRun;
use super::step_at::StepAt;
use super::turn::Turn;

impl Turn<'_> {
    /// Acts on a step. An error names the state that refuses the act.
    fn act(&mut self, at: StepAt, act: ActOn, by: &str) -> Result<(), String> {
        let Some(step) = self.step(at) else {
            return Err(format!("iteration {} does not run", at.iteration));
        };
        let (status, open) = (step.status(), !step.status().is_terminal() || step.status().is_retryable());
        let line = format!("step {}: {act:?} by {by}", self.id(at)).to_lowercase();
        match act {
            ActOn::Stop | ActOn::Kill if open && status != StepStatus::NotCreated => {
                self.attempt(at).stop(&format!("by {by}"), act == ActOn::Kill);
            }
            ActOn::Skip if open => self.attempt(at).skip(by),
            ActOn::Resume if status == StepStatus::Paused => self.attempt(at).resume(),
            // A step that failed finally may be retried while other steps keep the instance running.
            ActOn::Retry if status.is_failure() => self.attempt(at).start(),
            ActOn::Bypass if status == StepStatus::WaitingForSignals => self.attempt(at).bypass_signals(),
            _ => return Err(format!("a step that is {status} does not allow {act:?}").to_lowercase()),
        }
        self.line(line);
        Ok(())
    }
}

impl Decide<Act> for WorkflowRun {
    fn decide(&self, ask: &Act, ctx: &Context<'_>) -> Decision<Self, Act> {
        let Some(begun) = self.begun.as_deref().filter(|_| self.goes_on()) else {
            return Decision::refuse(Refused::new("NOT_RUNNING", "the run is over: restart the instance"));
        };
        let mut turn = Turn::new(begun, self.live.0.clone(), ctx);
        let Some(step_index) = turn.graph.index_of(&ask.step) else {
            let why = format!("step {:?} does not exist", ask.step);
            return Decision::refuse(Refused::field("NO_STEP", "step", why));
        };
        if let Err(why) = turn.act(StepAt { iteration: ask.iteration, step_index }, ask.act, &ask.by) {
            return Decision::refuse(Refused::field("WRONG_STATE", "act", why));
        }
        turn.run().carry();
        turn.decide(&self.live.0, Decision::unchanged()).reply(())
    }
}
