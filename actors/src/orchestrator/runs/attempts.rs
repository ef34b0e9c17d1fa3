//! One attempt at a step: its start, the evaluation of its parameters, and its work. `attempt_end` has its end.

use serde_json::Value as Json;
use troupe_runtime::{Address, Timestamp, wire};
use troupe_workflows::Ordered;
use troupe_workflows::bounds::TIMEOUT_MS_DEFAULT;
use troupe_workflows::definition::{ParamDefinitions, Quantity};
use troupe_workflows::expression::Limits;
use troupe_workflows::params::{Parameters, Run, Scope, evaluate, step_params};
use troupe_workflows::status::StepStatus;
use troupe_workflows::work::{Doing, doing};

use super::outgoing::Outgoing;
use super::state::WorkflowRun;
use super::step_at::StepAt;
use super::turn::Turn;
use crate::coordination::work_queues::Offer;
use crate::stored::{NamedFields, kept_bytes};

/// Bytes of a step's evaluated parameters, so that they fit a log entry.
pub(super) const STEP_BYTES_MAX: usize = 96 << 10;
/// Milliseconds by which a step's deadline exceeds its task's: the queue reports the timeout first.
const QUEUE_GRACE_MS: u64 = 60_000;

/// The present attempt at one step, in a command's turn.
pub(super) struct AttemptTurn<'t, 'a> {
    pub(super) turn: &'t mut Turn<'a>,
    pub(super) at: StepAt,
}

impl AttemptTurn<'_, '_> {
    /// Begins the next attempt.
    pub(super) fn start(&mut self) {
        let at = self.at;
        self.turn.starts += 1;
        let now = self.turn.now;
        if let Some(before) = self.turn.step(at).filter(|step| step.looping.is_some()).cloned() {
            let definition = self.turn.definition(at);
            self.turn.live.clean_up_children(at, &before, definition);
        }
        let breakpoint = self.turn.pauses(at);
        let Some(step) = self.turn.step_mut(at) else { return };
        if !step.start(now) || (breakpoint && !step.resumed && step.pause()) {
            return;
        }
        // The parameters are evaluated after the signals arrive, because expressions may refer to them.
        step.until = Some(Timestamp(now.0.saturating_add(TIMEOUT_MS_DEFAULT)));
        if !self.turn.signals(at).await_all() {
            self.evaluate();
        }
    }

    /// Resumes a step that is paused at a breakpoint.
    pub(super) fn resume(&mut self) {
        if self.turn.step_mut(self.at).is_some_and(super::step_run::StepRun::resume) {
            self.start();
        }
    }

    /// Evaluates the parameters and the timeout, and goes on with the permits and the work.
    pub(super) fn evaluate(&mut self) {
        let params = match self.evaluated() {
            Ok(params) => params,
            Err(why) => return self.fail(StepStatus::FatallyFailed, &why),
        };
        let until = match self.timeout_ms(&params) {
            Ok(ms) => Timestamp(self.turn.now.0.saturating_add(ms)),
            Err(why) => return self.fail(StepStatus::FatallyFailed, &format!("timeout: {why}")),
        };
        self.turn.bytes += kept_bytes(&params);
        if let Some(step) = self.turn.step_mut(self.at) {
            (step.params, step.until) = (params, Some(until));
        }
        if !self.turn.permits(self.at).await_all() {
            self.work();
        }
    }

    fn evaluated(&self) -> Result<Parameters, String> {
        let run = Run::launch(ParamDefinitions::new());
        let evaluated =
            step_params(self.turn.definition(self.at), &Ordered::new(), &run).and_then(|mut params| {
                self.turn
                    .scoped(self.at, None, |layers, scope| {
                        evaluate(&mut params, layers, scope, &Limits::DEFAULT)
                    })
                    .map(|()| params)
            });
        let params = evaluated.map_err(|error| error.to_string())?;
        let bytes = kept_bytes(&params);
        if bytes > STEP_BYTES_MAX {
            return Err(format!(
                "params come to {bytes} bytes, {STEP_BYTES_MAX} are the most: loop over a range or over two smaller arrays, or put them into the lake"
            ));
        }
        Ok(params)
    }

    fn timeout_ms(&self, params: &Parameters) -> Result<u64, String> {
        match &self.turn.definition(self.at).timeout {
            None => Ok(TIMEOUT_MS_DEFAULT),
            Some(timeout) => self
                .turn
                .scoped(self.at, Some(params), |layers, scope| millis(timeout, &Scope::new(layers, scope))),
        }
    }

    /// Begins the work of the step's type.
    pub(super) fn work(&mut self) {
        let at = self.at;
        let definition = self.turn.definition(at);
        let Some(step) = self.turn.step_mut(at) else { return };
        if !step.run() {
            return;
        }
        let doing = doing(definition, &step.params);
        match doing {
            Err(error) => self.fail(StepStatus::FatallyFailed, &error.to_string()),
            Ok(Doing::Nothing) => self.succeed(),
            Ok(Doing::Sleep { ms }) => {
                let due = Timestamp(self.turn.now.0.saturating_add(ms));
                if let Some(step) = self.turn.step_mut(at) {
                    step.due = Some(due);
                }
            }
            Ok(Doing::Outside { executor, spec }) => self.offer(executor, spec),
            Ok(Doing::Deploy { pipeline, parameters, .. }) => {
                self.turn.deployment(at).start(&pipeline, &parameters);
            }
            Ok(Doing::Subworkflow { id, version, sync, explicit_params }) => {
                self.turn.children(at).start_subworkflow(&id, &version, (sync, explicit_params));
            }
            Ok(Doing::Foreach { combinations, concurrency, strict_ordering }) => {
                self.turn.children(at).start_foreach(&combinations, concurrency, strict_ordering);
            }
            Ok(Doing::While { first }) => self.turn.children(at).start_while(first),
            Ok(Doing::Template { sub_type, .. }) => {
                let why = format!("no job template {sub_type:?} is registered; write the step out");
                self.fail(StepStatus::FatallyFailed, &why);
            }
        }
    }

    /// Offers the step's task to its work queue.
    fn offer(&mut self, executor: String, spec: Json) {
        let id = self.turn.attempt_id(self.at);
        let now = self.turn.now;
        let owner = Address::of::<WorkflowRun>(self.turn.key);
        let Some(step) = self.turn.step_mut(self.at) else { return };
        // The queue enforces the timeout. The step's own deadline covers a lost report.
        let timeout_ms = step.until.map_or(TIMEOUT_MS_DEFAULT, |until| until.0.saturating_sub(now.0)).max(1);
        step.until = step.until.map(|until| Timestamp(until.0.saturating_add(QUEUE_GRACE_MS)));
        let offer = Offer { id, owner, executor, spec: NamedFields(spec), timeout_ms };
        self.turn.bytes += wire::encode(&offer).len();
        self.turn.send(Outgoing::Offer(Box::new(offer)));
    }
}

/// A duration in milliseconds, with its parameters filled in.
pub(super) fn millis(quantity: &Quantity, scope: &Scope<'_>) -> Result<u64, String> {
    let filled = match quantity.text().filter(|_| quantity.is_open()) {
        Some(text) => Quantity::Text(scope.fill(text).map_err(|error| error.to_string())?),
        None => quantity.clone(),
    };
    filled.millis().ok_or_else(|| format!("{quantity:?} is not a duration"))
}
