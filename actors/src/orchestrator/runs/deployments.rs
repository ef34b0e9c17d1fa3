//! Deploy steps: each attempt requests one execution from a pipeline, which reports the execution's begin and end.

use serde_json::{Value as Json, json};
use troupe_runtime::text::cut;
use troupe_runtime::{Address, Context, Decide, Decision, Entity as _, wire};
use troupe_workflows::definition::StepType;
use troupe_workflows::status::StepStatus;
use troupe_workflows::work::{Doing, doing};

use super::outgoing::Outgoing;
use super::state::WorkflowRun;
use super::step_at::{AttemptAt, StepAt};
use super::turn::{Turn, WORDS_CHARS_MAX};
use crate::delivery::executions::{Cancel, ChildEnded, Deployment};
use crate::delivery::pipelines::{Pipeline, RunFor};
use crate::stored::{NamedFields, OptionalTail};

/// The field of a step's output with the execution's key.
const EXECUTION: &str = "execution";

fn has_begun(status: &str) -> bool {
    matches!(status, "RUNNING" | "NOT_STARTED")
}

/// The execution of one step, in a command's turn.
pub(super) struct DeployTurn<'t, 'a> {
    pub(super) turn: &'t mut Turn<'a>,
    pub(super) at: StepAt,
}

impl DeployTurn<'_, '_> {
    pub(super) fn is_deployment(&self) -> bool {
        self.turn.definition(self.at).step_type() == StepType::Deploy
    }

    /// Requests an execution from a pipeline.
    pub(super) fn start(&mut self, pipeline: &str, parameters: &Json) {
        if Address::parse_parts(Pipeline::KIND, pipeline).is_err() {
            let why = format!("params.pipeline: {pipeline:?} names no pipeline");
            return self.turn.attempt(self.at).fail(StepStatus::FatallyFailed, &why);
        }
        let run = RunFor {
            owner: Address::of::<WorkflowRun>(self.turn.key),
            id: format!("{}.{}", self.turn.live.head.run, self.turn.attempt_at(self.at)),
            parameters: NamedFields(parameters.as_object().cloned().unwrap_or_default()),
            ancestry: OptionalTail::default(),
        };
        self.turn.bytes += wire::encode(&run).len();
        self.turn.send(Outgoing::Deploy(pipeline.to_owned(), Box::new(run)));
    }

    /// Cancels the execution that the step waits for. One that has not reported its begin yet is cancelled when it
    /// does.
    pub(super) fn cancel(&mut self, why: &str) {
        let Some(step) = self.turn.step(self.at) else { return };
        if let Some(execution) = step.output[EXECUTION].as_str().map(str::to_owned) {
            let cancel = Cancel { by: self.turn.key.to_owned(), why: cut(why, WORDS_CHARS_MAX) };
            self.turn.send(Outgoing::CancelDeployment(execution, cancel));
        }
    }

    /// Takes a pipeline's report of the step's execution.
    fn reported(&mut self, report: &ChildEnded) {
        let at = self.at;
        let output = json!({ EXECUTION: report.execution, "status": report.status });
        let definition = self.turn.definition(at);
        let doing = self.turn.step(at).map(|step| doing(definition, &step.params));
        let waits = !matches!(doing, Some(Ok(Doing::Deploy { wait: false, .. })));
        if has_begun(&report.status) && waits {
            if let Some(step) = self.turn.step_mut(at) {
                step.progress = Some((format!("it waits for {}", report.execution), None));
                step.output = output;
            }
        } else if has_begun(&report.status) || report.status == "SUCCEEDED" {
            self.turn.attempt(at).take_output(&output);
        } else if report.execution.is_empty() {
            // The execution never started. A retry may find room for it, or the pipeline.
            self.turn.attempt(at).fail(StepStatus::UserFailed, &report.why);
        } else {
            // The pipeline's stages have made their own retries: its failure is final.
            let why = format!("{} is {}: {}", report.execution, report.status, report.why);
            if let Some(step) = self.turn.step_mut(at) {
                step.output = output;
            }
            self.turn.attempt(at).fail(StepStatus::FatallyFailed, &why);
        }
    }
}

impl Decide<ChildEnded> for WorkflowRun {
    fn decide(&self, ask: &ChildEnded, ctx: &Context<'_>) -> Decision<Self, ChildEnded> {
        let live = &self.live.0;
        let waiting = AttemptAt::parse(&ask.id, live.head.run).filter(|AttemptAt { at, attempt }| {
            let step = live.step(*at);
            self.goes_on()
                && step.is_some_and(|step| step.attempt == *attempt && step.status() == StepStatus::Running)
        });
        match waiting {
            Some(AttemptAt { at, .. }) => self.carry(ctx, |turn| turn.deployment(at).reported(ask)),
            // The execution began after its step had ended: no step waits for it.
            None if has_begun(&ask.status) && !ask.execution.is_empty() => {
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
