//! One attempt at a step, from its start to what follows from its end.

use serde_json::Value as Json;
use troupe_runtime::{Address, Timestamp};
use troupe_workflows::Ordered;
use troupe_workflows::bounds::TIMEOUT_MS_DEFAULT;
use troupe_workflows::definition::{ParamSource, Quantity, Step, StepKind};
use troupe_workflows::expression::Limits;
use troupe_workflows::graph::settle;
use troupe_workflows::params::{
    Lookup, Parameter, Parameters, Run, Scope, Value, evaluate, merge_outputs, step_params,
};
use troupe_workflows::retries::{FailureKind, Retries};
use troupe_workflows::status::StepStatus;
use troupe_workflows::work::{Doing, doing, output};

use super::facts::Around;
use super::lane::{Attempt, HISTORY_MAX, LoopRun, StepRun};
use super::state::WorkflowRun;
use super::turn::{Told, Turn, cut};
use crate::coordination::work_queues::{Failure, Offer, Outcome};
use crate::stored::{NamedFields, kept_bytes};

/// Bytes that a step's evaluated parameters, or what came of it, may take in an entry.
pub(super) const STEP_BYTES_MAX: usize = 96 << 10;

pub(super) fn millis(quantity: &Quantity, scope: &Scope<'_>) -> Result<u64, String> {
    let filled = match quantity.text().filter(|_| quantity.is_open()) {
        Some(text) => Quantity::Text(scope.fill(text).map_err(|error| error.to_string())?),
        None => quantity.clone(),
    };
    filled.millis().ok_or_else(|| format!("{quantity:?} is no time"))
}

impl<'a> Turn<'a> {
    pub(super) fn definition(&self, place: usize) -> &'a Step {
        &self.begun.steps()[place]
    }

    pub(super) fn step(&mut self, lane: u64, place: usize) -> Option<&mut StepRun> {
        self.live.lanes.get_mut(&lane)?.steps.get_mut(place)
    }

    /// Names an attempt for good.
    pub(super) fn id_of(&self, lane: u64, place: usize) -> String {
        let attempt =
            self.live.lanes.get(&lane).and_then(|lane| lane.steps.get(place)).map_or(0, |s| s.attempt);
        format!("{}#{}.{lane}.{place}.{attempt}", self.key, self.live.head.run)
    }

    pub(super) fn start_step(&mut self, lane: u64, place: usize) {
        self.starts += 1;
        let now = self.now;
        if let Some(before) = self.step(lane, place).filter(|step| step.looping.is_some()).cloned() {
            self.leave_children(lane, place, &before);
        }
        let paused = self.pauses(place);
        let Some(step) = self.step(lane, place) else { return };
        if step.attempt > 0 && step.ended.is_some() {
            let past = Attempt {
                attempt: step.attempt,
                started: step.started.unwrap_or(now),
                ended: step.ended.unwrap_or(now),
                status: step.status.word().to_owned(),
                why: step.why.clone(),
            };
            step.history.push(past);
            let old = step.history.len().saturating_sub(HISTORY_MAX);
            step.history.drain(..old);
        }
        *step = StepRun {
            status: StepStatus::Created,
            attempt: step.attempt + 1,
            failures: step.failures,
            started: Some(now),
            history: std::mem::take(&mut step.history),
            resumed: step.resumed,
            ..StepRun::default()
        };
        if paused && !step.resumed {
            step.status = StepStatus::Paused;
            step.why = "it waits at a breakpoint".to_owned();
            return;
        }
        // Of a step that waits, nothing is evaluated before its signals have come: its parameters may be theirs.
        step.until = Some(Timestamp(now.0.saturating_add(TIMEOUT_MS_DEFAULT)));
        if !self.awaits_signals(lane, place) {
            self.evaluate_step(lane, place);
        }
    }

    /// Layers around a step of a lane, the nearest first, put to use.
    pub(super) fn scoped<T>(
        &self,
        lane: u64,
        place: usize,
        own: Option<&Parameters>,
        use_it: impl FnOnce(&[&dyn Lookup], &Around<'_, '_>) -> T,
    ) -> T {
        let nothing = Ordered::<Value>::new();
        let lane = self.live.lanes.get(&lane);
        let mut layers: Vec<&dyn Lookup> = Vec::with_capacity(8);
        if let Some(own) = own {
            layers.push(own);
        }
        layers.push(lane.map_or(&nothing, |lane| &lane.values));
        layers.extend(self.begun.outer.0.iter().map(|layer| layer as &dyn Lookup));
        layers.push(&self.live.params);
        use_it(&layers, &Around { turn: self, lane, step: Some(place) })
    }

    pub(super) fn evaluate_step(&mut self, lane: u64, place: usize) {
        let definition = self.definition(place);
        let run = Run::launch(troupe_workflows::definition::ParamDefinitions::new());
        let evaluated = step_params(definition, &Ordered::new(), &run).and_then(|mut params| {
            self.scoped(lane, place, None, |layers, around| {
                evaluate(&mut params, layers, around, &Limits::DEFAULT)
            })
            .map(|()| params)
        });
        let params = match evaluated {
            Ok(params) => params,
            Err(error) => return self.fail(lane, place, StepStatus::FatallyFailed, &error.to_string()),
        };
        let bytes = kept_bytes(&params);
        if bytes > STEP_BYTES_MAX {
            let why = format!(
                "params come to {bytes} bytes, {STEP_BYTES_MAX} are the most: loop over a range or over two smaller arrays, or put them into the lake"
            );
            return self.fail(lane, place, StepStatus::FatallyFailed, &why);
        }
        let timeout = match &definition.timeout {
            None => Ok(TIMEOUT_MS_DEFAULT),
            Some(timeout) => self.scoped(lane, place, Some(&params), |layers, around| {
                millis(timeout, &Scope::new(layers, around))
            }),
        };
        let until = match timeout {
            Ok(ms) => Timestamp(self.now.0.saturating_add(ms)),
            Err(why) => return self.fail(lane, place, StepStatus::FatallyFailed, &format!("timeout: {why}")),
        };
        if let Some(step) = self.step(lane, place) {
            (step.params, step.until) = (params, Some(until));
        }
        self.bytes += bytes;
        if !self.awaits_permits(lane, place) {
            self.work(lane, place);
        }
    }

    /// Does what the step is for.
    pub(super) fn work(&mut self, lane: u64, place: usize) {
        let definition = self.definition(place);
        let Some(step) = self.step(lane, place) else { return };
        step.status = StepStatus::Running;
        step.why = String::new();
        let todo = doing(definition, &step.params);
        match todo {
            Err(error) => self.fail(lane, place, StepStatus::FatallyFailed, &error.to_string()),
            Ok(Doing::Nothing) => self.complete(lane, place, StepStatus::Succeeded),
            Ok(Doing::Sleep { ms }) => {
                let due = Timestamp(self.now.0.saturating_add(ms));
                if let Some(step) = self.step(lane, place) {
                    step.due = Some(due);
                }
            }
            Ok(Doing::Outside { executor, spec }) => self.offer(lane, place, executor, spec),
            Ok(Doing::Deploy { pipeline, parameters, .. }) => {
                self.start_deploy(lane, place, &pipeline, &parameters);
            }
            Ok(Doing::Subworkflow { id, version, sync, explicit_params }) => {
                self.start_subworkflow(lane, place, &id, &version, (sync, explicit_params));
            }
            Ok(Doing::Foreach { combinations, concurrency, strict_ordering }) => {
                self.start_foreach(lane, place, &combinations, concurrency, strict_ordering);
            }
            Ok(Doing::While { first }) => self.start_while(lane, place, first),
            Ok(Doing::Template { sub_type, .. }) => {
                let why = format!("no job template {sub_type:?} is registered; write the step out");
                self.fail(lane, place, StepStatus::FatallyFailed, &why);
            }
        }
    }

    fn offer(&mut self, lane: u64, place: usize, executor: String, spec: Json) {
        let id = self.id_of(lane, place);
        let now = self.now;
        let owner = Address::of::<WorkflowRun>(self.key);
        let Some(step) = self.step(lane, place) else { return };
        // The queue keeps the time of tasks; the step's own is a little longer, in case it is never told.
        let timeout_ms = step.until.map_or(TIMEOUT_MS_DEFAULT, |until| until.0.saturating_sub(now.0)).max(1);
        step.until = step.until.map(|until| Timestamp(until.0.saturating_add(60_000)));
        let offer = Offer { id, owner, executor, spec: NamedFields(spec), timeout_ms };
        self.bytes += troupe_runtime::wire::encode(&offer).len();
        self.told.push(Told::Offer(Box::new(offer)));
    }

    /// A task has ended.
    pub(super) fn finished(&mut self, lane: u64, place: usize, outcome: &Outcome) {
        match outcome {
            Outcome::Done { output } => self.take_output(lane, place, &output.0, None),
            Outcome::TimedOut => self.fail(lane, place, StepStatus::TimeoutFailed, "it took too long"),
            Outcome::Failed { why, kind } => {
                let status = match kind {
                    Failure::User => StepStatus::UserFailed,
                    Failure::Platform => StepStatus::PlatformFailed,
                    Failure::Fatal => StepStatus::FatallyFailed,
                };
                self.fail(lane, place, status, why);
            }
        }
    }

    /// What came of a step is among its parameters from then on: what it declares, and each of the result's own keys.
    pub(super) fn take_output(&mut self, lane: u64, place: usize, json: &Json, failed: Option<StepStatus>) {
        let now = i64::try_from(self.now.0).unwrap_or(i64::MAX);
        let read = match output(json) {
            Ok(read) => read,
            Err(error) => return self.fail(lane, place, StepStatus::FatallyFailed, &error.to_string()),
        };
        let Some(step) = self.step(lane, place) else { return };
        if let Err(error) = merge_outputs(&mut step.params, &read.params, now) {
            return self.fail(lane, place, StepStatus::FatallyFailed, &error.to_string());
        }
        for (name, value) in json.as_object().into_iter().flatten() {
            let value = Value::plain_of(value);
            if !step.params.contains_key(name)
                && let Some(param) = Parameter::of(value, ParamSource::OutputParameter, now)
            {
                step.params.insert(name.clone(), param);
            }
        }
        step.output = json.clone();
        for (name, params) in read.signals {
            self.raise(lane, place, &name, &params);
        }
        match failed {
            None => self.complete(lane, place, StepStatus::Succeeded),
            Some(status) => self.fail(lane, place, status, ""),
        }
    }

    /// A step is complete: its ways are judged, and its signals raised.
    pub(super) fn complete(&mut self, lane: u64, place: usize, status: StepStatus) {
        let now = self.now;
        self.release(lane, place);
        let Some(step) = self.step(lane, place) else { return };
        (step.status, step.ended, step.due, step.until) = (status, Some(now), None, None);
        step.progress = None;
        let params = step.params.clone();
        let edges = self.graph.successors(place);
        let judged: Result<Vec<bool>, _> = self.scoped(lane, place, Some(&params), |layers, around| {
            let scope = Scope::new(layers, around);
            edges.iter().map(|edge| scope.holds("transition", &edge.condition)).collect()
        });
        let ways = match judged {
            Ok(ways) => ways,
            Err(error) => {
                let why = format!("transition.successors: {error}");
                return self.fail(lane, place, StepStatus::InternallyFailed, &why);
            }
        };
        // What a signal says is final, and so it is said only once nothing can make the step fail any more.
        if status == StepStatus::Succeeded
            && let Err(why) = self.raise_outputs(lane, place, &params)
        {
            return self.fail(lane, place, StepStatus::FatallyFailed, &why);
        }
        if let Some(step) = self.step(lane, place) {
            step.ways = ways;
        }
    }

    /// An attempt has failed: it is tried again while retries are left.
    pub(super) fn fail(&mut self, lane: u64, place: usize, status: StepStatus, why: &str) {
        self.release(lane, place);
        let definition = self.definition(place);
        let (now, words) = (self.now, cut(why));
        let stopping = self.live.head.stopping.is_some();
        let typed = matches!(definition.kind, StepKind::Typed { .. });
        let Some(step) = self.live.lanes.get(&lane).and_then(|lane| lane.steps.get(place)) else { return };
        let params = step.params.clone();
        let retries = if typed {
            self.scoped(lane, place, Some(&params), |layers, around| {
                let scope = Scope::new(layers, around);
                Retries::of(definition.retry_policy.as_ref(), |text| {
                    scope.fill(text).map_err(|error| error.to_string())
                })
            })
        } else {
            Ok(Retries::none())
        };
        let retries = retries.unwrap_or_else(|_| Retries::none());
        let Some(step) = self.step(lane, place) else { return };
        let kind = FailureKind::of(status).filter(|_| !stopping);
        let delay = kind.and_then(|kind| retries.delay(kind, u64::from(step.failures[number(kind)])));
        if let Some(kind) = kind {
            step.failures[number(kind)] += 1;
        }
        step.status = settle(status, delay.is_some(), definition.failure_mode_or_default());
        (step.ended, step.why, step.until, step.progress) = (Some(now), words, None, None);
        step.due = delay.map(|ms| Timestamp(now.0.saturating_add(ms)));
        let (settled, words) = (step.status, step.why.clone());
        self.line(format!("step {}: {settled} {words}", self.graph.id(place)));
        if settled == StepStatus::CompletedWithError {
            self.complete(lane, place, settled);
        }
    }

    pub(super) fn mark_unsatisfied(&mut self, lane: u64, place: usize) {
        let ways = vec![false; self.graph.successors(place).len()];
        if let Some(step) = self.step(lane, place) {
            (step.status, step.ways) = (StepStatus::Unsatisfied, ways);
        }
    }

    /// Starts what has waited long enough, and ends what took too long.
    pub(super) fn look_at_clock(&mut self) {
        let now = self.now;
        let due: Vec<(u64, usize)> = self
            .live
            .lanes
            .iter()
            .flat_map(|(number, lane)| {
                lane.steps.iter().enumerate().map(move |(at, step)| (*number, at, step))
            })
            .filter(|(_, _, step)| step.next_due().is_some_and(|due| due <= now))
            .map(|(number, at, _)| (number, at))
            .take(super::turn::STARTS_A_TURN)
            .collect();
        for (lane, place) in due {
            let Some(step) = self.step(lane, place) else { continue };
            let late = step.until.is_some_and(|until| until <= now) && step.status.is_active();
            if late {
                self.take_back(lane, place, "it took too long");
                self.fail(lane, place, StepStatus::TimeoutFailed, "it took too long");
            } else if step.status.is_retryable() {
                self.start_step(lane, place);
            } else if step.status == StepStatus::Running {
                self.complete(lane, place, StepStatus::Succeeded);
            }
        }
    }

    pub(super) fn looping(&mut self, lane: u64, place: usize) -> Option<&mut LoopRun> {
        self.step(lane, place)?.looping.as_mut()
    }
}

const fn number(kind: FailureKind) -> usize {
    match kind {
        FailureKind::User => 0,
        FailureKind::Platform => 1,
        FailureKind::Timeout => 2,
    }
}
