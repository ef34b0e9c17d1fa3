//! Steps that have a pipeline deliver: the pipeline is asked once for each attempt, and tells its execution's begin and
//! end.

use serde_json::{Value as Json, json};
use troupe_runtime::{Address, Context, Decide, Decision, Entity as _, wire};
use troupe_workflows::definition::StepType;
use troupe_workflows::status::StepStatus;
use troupe_workflows::work::{Doing, doing};

use super::decide::of_attempt;
use super::state::WorkflowRun;
use super::turn::{Told, Turn, cut};
use crate::delivery::executions::{Cancel, ChildEnded, Deployment};
use crate::delivery::pipelines::{Pipeline, RunFor};
use crate::stored::{NamedFields, OptionalTail};

/// The name under which a step's output has its execution.
const EXECUTION: &str = "execution";

fn begun(status: &str) -> bool {
    matches!(status, "RUNNING" | "NOT_STARTED")
}

impl Turn<'_> {
    pub(super) fn deploys(&self, place: usize) -> bool {
        self.definition(place).step_type() == StepType::Deploy
    }

    /// Asks a pipeline for an execution of this attempt.
    pub(super) fn start_deploy(&mut self, lane: u64, place: usize, pipeline: &str, parameters: &Json) {
        if Address::parse_parts(Pipeline::KIND, pipeline).is_err() {
            let why = format!("params.pipeline: {pipeline:?} names no pipeline");
            return self.fail(lane, place, StepStatus::FatallyFailed, &why);
        }
        let attempt = self.step(lane, place).map_or(0, |step| step.attempt);
        let run = RunFor {
            owner: Address::of::<WorkflowRun>(self.key),
            id: format!("{}.{lane}.{place}.{attempt}", self.live.head.run),
            parameters: NamedFields(parameters.as_object().cloned().unwrap_or_default()),
            ancestry: OptionalTail::default(),
        };
        self.bytes += wire::encode(&run).len();
        self.told.push(Told::Deliver(pipeline.to_owned(), Box::new(run)));
    }

    /// Ends the execution that a step waits for. One that is not known yet is ended when it tells that it began.
    pub(super) fn call_off_deploy(&mut self, lane: u64, place: usize, why: &str) {
        let Some(step) = self.step(lane, place) else { return };
        if let Some(execution) = step.output[EXECUTION].as_str().map(str::to_owned) {
            let cancel = Cancel { by: self.key.to_owned(), why: cut(why) };
            self.told.push(Told::CallOff(execution, cancel));
        }
    }

    /// A pipeline has told what became of the execution of a step.
    fn delivered(&mut self, lane: u64, place: usize, told: &ChildEnded) {
        let output = json!({ EXECUTION: told.execution, "status": told.status });
        let definition = self.definition(place);
        let doing = self.step(lane, place).map(|step| doing(definition, &step.params));
        let waits = !matches!(doing, Some(Ok(Doing::Deploy { wait: false, .. })));
        if begun(&told.status) && waits {
            if let Some(step) = self.step(lane, place) {
                step.progress = Some((format!("it waits for {}", told.execution), None));
                step.output = output;
            }
        } else if begun(&told.status) || told.status == "SUCCEEDED" {
            self.take_output(lane, place, &output, None);
        } else if told.execution.is_empty() {
            // It was never started: there may be room for it, or a pipeline, later.
            self.fail(lane, place, StepStatus::UserFailed, &told.why);
        } else {
            // A verdict is no mishap: the stages of the pipeline have tried again what may be.
            let why = format!("{} is {}: {}", told.execution, told.status, told.why);
            if let Some(step) = self.step(lane, place) {
                step.output = output;
            }
            self.fail(lane, place, StepStatus::FatallyFailed, &why);
        }
    }
}

impl Decide<ChildEnded> for WorkflowRun {
    fn decide(&self, ask: &ChildEnded, ctx: &Context<'_>) -> Decision<Self, ChildEnded> {
        let live = &self.live.0;
        let wanted = of_attempt(&ask.id, live.head.run).filter(|(lane, place, attempt)| {
            let step = live.lanes.get(lane).and_then(|lane| lane.steps.get(*place));
            self.goes_on()
                && step.is_some_and(|step| step.attempt == *attempt && step.status == StepStatus::Running)
        });
        match wanted {
            Some((lane, place, _)) => self.carry(ctx, |turn| turn.delivered(lane, place, ask)),
            // It began after its step had ended: nobody is there to want it.
            None if begun(&ask.status) && !ask.execution.is_empty() => {
                let why = "the step that started it has ended".to_owned();
                let cancel = Cancel { by: ctx.key.to_owned(), why };
                Decision::unchanged()
                    .tell(Address::of::<Deployment>(ask.execution.as_str()), &cancel)
                    .reply(())
            }
            None => Decision::unchanged().reply(()),
        }
    }
}
