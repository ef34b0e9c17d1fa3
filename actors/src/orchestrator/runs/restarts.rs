//! Restarts: another run of an instance that has ended.

use troupe_runtime::{Context, Decide, Decision, Refused};
use troupe_workflows::definition::ParamSource;

use super::messages::{Begin, Kind, Restart, RestartAt};
use super::state::WorkflowRun;
use super::turn::Turn;
use crate::stored::NamedFields;

impl Decide<Restart> for WorkflowRun {
    fn decide(&self, ask: &Restart, ctx: &Context<'_>) -> Decision<Self, Restart> {
        let Some(begun) = self.begun.as_deref() else {
            return Decision::refuse(Refused::new("NOT_BEGUN", "the instance does not exist"));
        };
        let head = &self.live.0.head;
        if ask.run <= head.run {
            return Decision::unchanged().reply(());
        }
        if self.goes_on() {
            return Decision::refuse(Refused::new("RUNNING", "the instance still runs: stop it first"));
        }
        if let RestartAt::Step(step) = &ask.at
            && !begun.steps().iter().any(|known| known.id == *step)
        {
            return Decision::refuse(Refused::field(
                "NO_STEP",
                "at",
                format!("step {step:?} does not exist"),
            ));
        }
        let Kind::Instance { workflow, upstream, .. } = &begun.kind.0 else {
            return Decision::refuse(Refused::new("A_LOOP", "restart the instance that the loop belongs to"));
        };
        let kind = Kind::Instance {
            workflow: workflow.clone(),
            params: ask.params.0.clone(),
            source: ParamSource::Restart,
            upstream: *upstream,
            bounded: begun.is_bounded(),
        };
        let again = Begin { kind: NamedFields(kind), ..begun.clone() };
        let mut turn = Turn::new(&again, self.live.0.clone(), ctx);
        turn.live.shelve();
        turn.live.head.run = ask.run - 1;
        let by = if ask.by.is_empty() { "an unknown user" } else { &ask.by };
        turn.line(format!("restarted by {by}"));
        turn.run().begin(Some(&ask.at));
        turn.decide(&self.live.0, Decision::unchanged()).reply(())
    }
}
