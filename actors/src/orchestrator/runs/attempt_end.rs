//! The end of an attempt: its result, its failure and retry, and its stop. Completion decides the outgoing edges.

use serde_json::Value as Json;
use troupe_runtime::Timestamp;
use troupe_runtime::text::cut;
use troupe_workflows::definition::{ParamSource, StepKind};
use troupe_workflows::graph::settle;
use troupe_workflows::params::{Parameter, Parameters, Scope, Value, merge_outputs};
use troupe_workflows::retries::{FailureKind, Retries};
use troupe_workflows::status::StepStatus;
use troupe_workflows::work::output;

use super::attempts::AttemptTurn;
use super::outgoing::Outgoing;
use super::step_run::StepRun;
use super::turn::WORDS_CHARS_MAX;
use crate::coordination::work_queues::{Failure, Outcome};

impl AttemptTurn<'_, '_> {
    /// Takes the outcome of the attempt's task.
    pub(super) fn finished(&mut self, outcome: &Outcome) {
        if self.turn.step(self.at).is_none_or(|step| step.status() != StepStatus::Running) {
            return;
        }
        match outcome {
            Outcome::Done { output } => self.take_output(&output.0),
            Outcome::TimedOut => self.fail(StepStatus::TimeoutFailed, "it took too long"),
            Outcome::Failed { why, kind } => {
                let status = match kind {
                    Failure::User => StepStatus::UserFailed,
                    Failure::Platform => StepStatus::PlatformFailed,
                    Failure::Fatal => StepStatus::FatallyFailed,
                };
                self.fail(status, why);
            }
        }
    }

    /// Completes the step with a result. The step's parameters gain the declared output parameters and the result's
    /// keys.
    pub(super) fn take_output(&mut self, json: &Json) {
        let now = i64::try_from(self.turn.now.0).unwrap_or(i64::MAX);
        let read = match output(json) {
            Ok(read) => read,
            Err(error) => return self.fail(StepStatus::FatallyFailed, &error.to_string()),
        };
        let Some(step) = self.turn.step_mut(self.at) else { return };
        if let Err(error) = merge_outputs(&mut step.params, &read.params, now) {
            return self.fail(StepStatus::FatallyFailed, &error.to_string());
        }
        for (name, value) in json.as_object().into_iter().flatten() {
            if !step.params.contains_key(name)
                && let Some(param) = Parameter::of(Value::plain_of(value), ParamSource::OutputParameter, now)
            {
                step.params.insert(name.clone(), param);
            }
        }
        step.output = json.clone();
        for (name, params) in read.signals {
            self.turn.signals(self.at).raise(&name, &params);
        }
        self.succeed();
    }

    /// Completes the attempt.
    pub(super) fn succeed(&mut self) {
        self.turn.permits(self.at).release();
        let now = self.turn.now;
        if self.turn.step_mut(self.at).is_some_and(|step| step.succeed(now)) {
            self.leave();
        }
    }

    /// Decides which outgoing edges of a completed step are taken, and raises its signals.
    fn leave(&mut self) {
        let Some(step) = self.turn.step(self.at) else { return };
        let (status, params) = (step.status(), step.params.clone());
        let edges_taken = match self.edges_taken(&params) {
            Ok(edges_taken) => edges_taken,
            Err(why) => return self.fail(StepStatus::InternallyFailed, &why),
        };
        // A raised signal cannot be taken back: it is raised only after the last check that can fail the step.
        if status == StepStatus::Succeeded
            && let Err(why) = self.turn.signals(self.at).raise_outputs(&params)
        {
            return self.fail(StepStatus::FatallyFailed, &why);
        }
        if let Some(step) = self.turn.step_mut(self.at) {
            step.edges_taken = edges_taken;
        }
    }

    fn edges_taken(&self, params: &Parameters) -> Result<Vec<bool>, String> {
        let edges = self.turn.graph.successors(self.at.step_index);
        self.turn.scoped(self.at, Some(params), |layers, scope| {
            let scope = Scope::new(layers, scope);
            let holds = edges.iter().map(|edge| scope.holds("transition", &edge.condition));
            holds.collect::<Result<_, _>>().map_err(|error| format!("transition.successors: {error}"))
        })
    }

    /// Fails the attempt. The next one follows after a delay while retries are left and the run does not stop.
    pub(super) fn fail(&mut self, status: StepStatus, why: &str) {
        self.turn.permits(self.at).release();
        let retries = self.retries();
        let (now, stopping) = (self.turn.now, self.turn.live.head.stopping.is_some());
        let mode = self.turn.definition(self.at).failure_mode_or_default();
        let Some(step) = self.turn.step_mut(self.at) else { return };
        let kind = FailureKind::of(status).filter(|_| !stopping);
        let delay = kind.and_then(|kind| retries.delay(kind, u64::from(step.failures_of(kind))));
        let settled = settle(status, delay.is_some(), mode);
        let retry_at = delay.map(|ms| Timestamp(now.0.saturating_add(ms)));
        if !step.fail(settled, cut(why, WORDS_CHARS_MAX), (retry_at, now)) {
            return;
        }
        if let Some(kind) = kind {
            step.count_failure(kind);
        }
        let line = format!("step {}: {settled} {}", self.turn.id(self.at), cut(why, WORDS_CHARS_MAX));
        self.turn.line(line);
        if settled == StepStatus::CompletedWithError {
            self.leave();
        }
    }

    /// The step's retry policy. Loops and subworkflows have no retries. An invalid policy counts as no retries.
    fn retries(&self) -> Retries {
        let definition = self.turn.definition(self.at);
        let params = self.turn.step(self.at).map(|step| &step.params);
        if !matches!(definition.kind, StepKind::Typed { .. }) {
            return Retries::none();
        }
        let evaluated = self.turn.scoped(self.at, params, |layers, scope| {
            let scope = Scope::new(layers, scope);
            Retries::of(definition.retry_policy.as_ref(), |text| {
                scope.fill(text).map_err(|error| error.to_string())
            })
        });
        evaluated.unwrap_or_else(|_| Retries::none())
    }

    /// Stops the step if it is unfinished, and withdraws what it has requested. Child runs receive a stop of their own.
    pub(super) fn stop(&mut self, why: &str, kill: bool) {
        if self.turn.step(self.at).is_some_and(StepRun::is_unfinished) {
            self.withdraw(why);
            self.halt(why, kill);
        }
    }

    /// Enters the stopped status, or the failed one of a kill.
    pub(super) fn halt(&mut self, why: &str, kill: bool) {
        self.turn.permits(self.at).release();
        let now = self.turn.now;
        let Some(step) = self.turn.step_mut(self.at) else { return };
        if step.halt(kill, cut(why, WORDS_CHARS_MAX), now) {
            let status = step.status();
            let line = format!("step {}: {status} {why}", self.turn.id(self.at));
            self.turn.line(line);
        }
    }

    /// Skips the step, and withdraws what it has requested.
    pub(super) fn skip(&mut self, by: &str) {
        self.withdraw("it is skipped");
        self.turn.permits(self.at).release();
        let now = self.turn.now;
        if let Some(step) = self.turn.step_mut(self.at) {
            step.skip(by, now);
        }
    }

    /// Fails the attempt if it is past its deadline; otherwise starts a due retry or ends a sleep.
    pub(super) fn look_at_clock(&mut self) {
        let now = self.turn.now;
        let Some(step) = self.turn.step(self.at) else { return };
        let status = step.status();
        if step.is_late(now) {
            self.withdraw("it took too long");
            self.fail(StepStatus::TimeoutFailed, "it took too long");
        } else if status.is_retryable() {
            self.start();
        } else if status == StepStatus::Running {
            self.succeed();
        }
    }

    /// Withdraws what the attempt has requested from other actors: subscriptions, child runs, an execution or a task.
    fn withdraw(&mut self, why: &str) {
        let (id, at) = (self.turn.attempt_id(self.at), self.at);
        let Some(step) = self.turn.step(at) else { return };
        let (status, loops, sleeps) = (step.status(), step.looping.is_some(), step.due.is_some());
        match status {
            StepStatus::WaitingForSignals => self.turn.signals(at).unsubscribe(None),
            StepStatus::Running if loops => self.turn.children(at).stop(why),
            StepStatus::Running if self.turn.deployment(at).is_deployment() => {
                self.turn.deployment(at).cancel(why);
            }
            StepStatus::Running if !sleeps => self.turn.send(Outgoing::Withdraw(id)),
            _ => {}
        }
    }

    /// Starts a step that waits for signals without them.
    pub(super) fn bypass_signals(&mut self) {
        self.turn.signals(self.at).unsubscribe(None);
        self.evaluate();
    }
}
