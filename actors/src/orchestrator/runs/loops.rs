//! Child runs of steps: the batches of a foreach, the run of a while, and the instance of a subworkflow.

use troupe_runtime::{Address, wire};
use troupe_workflows::Ordered;
use troupe_workflows::definition::{ParamSource, StepKind};
use troupe_workflows::loops::Combinations;
use troupe_workflows::params::{Lookup as _, Parameter, Parameters, Value};
use troupe_workflows::status::StepStatus;

use super::loop_run::LoopRun;
use super::messages::{Begin, Counts, Ended, Kind, Parent, Stop};
use super::nested_outputs::requested_of;
use super::outgoing::Outgoing;
use super::state::WorkflowRun;
use super::step_at::{AttemptAt, StepAt};
use super::turn::{BYTES_A_TURN, Turn};
use crate::stored::{NamedFields, kept_bytes};

/// Iterations of one batch, and bytes of their values, so that a batch's begin fits a log entry.
const BATCH_MAX: u64 = 500;
const BATCH_BYTES: usize = 48 << 10;
/// Bytes of the values around a loop, which each batch receives.
const OUTER_BYTES_MAX: usize = 96 << 10;
/// Bytes of a child run's key. Other ids, such as a signal's, contain the key and have bounds of their own.
const KEY_BYTES_SPELLED: usize = 160;
/// The concurrency limit of batches.
const AT_ONCE_MAX: u64 = 8;

/// The key of a child run: the parent's key, the attempt and the batch's number. A longer key is replaced by its hash.
pub(super) fn child_key(of: &str, attempt: AttemptAt, number: u64) -> String {
    let spelled = format!("{of}/{attempt}.{number}");
    if spelled.len() <= KEY_BYTES_SPELLED {
        return spelled;
    }
    let instance = of.split('/').next().unwrap_or_default();
    format!("{instance}/~{:032x}", xxhash_rust::xxh3::xxh3_128(spelled.as_bytes()))
}

/// The child runs of one step, in a command's turn.
pub(super) struct LoopTurn<'t, 'a> {
    pub(super) turn: &'t mut Turn<'a>,
    pub(super) at: StepAt,
}

impl LoopTurn<'_, '_> {
    /// Begins a foreach: it splits the combinations into batches and starts the first ones.
    pub(super) fn start_foreach(&mut self, combinations: &Combinations, concurrency: u64, strict: bool) {
        let total = combinations.count();
        if total == 0 {
            return self.turn.attempt(self.at).succeed();
        }
        let outer = kept_bytes(&self.outer());
        if outer > OUTER_BYTES_MAX {
            let why = format!(
                "the values around the loop come to {outer} bytes, {OUTER_BYTES_MAX} are the most: put them into the lake"
            );
            return self.turn.attempt(self.at).fail(StepStatus::FatallyFailed, &why);
        }
        // The largest possible values of one iteration bound the batch, so each batch fits even if the sizes differ
        // much.
        let bytes = combinations.bytes_max().max(64);
        let batch = ((BATCH_BYTES / bytes) as u64).clamp(1, BATCH_MAX);
        let concurrency = if strict { 1 } else { concurrency.max(1) };
        let at_once = AT_ONCE_MAX.min(concurrency).min(total.div_ceil(batch)).max(1);
        let within = (concurrency / at_once).max(1);
        self.set_looping(LoopRun { total, batch, within, at_once, ..LoopRun::default() });
        self.start_batches(combinations);
    }

    /// Starts batches up to the concurrency limit, or until this log entry is full.
    fn start_batches(&mut self, combinations: &Combinations) {
        while let Some(looping) = self.looping().filter(|looping| looping.has_room()) {
            let concurrency = looping.within;
            if self.turn.bytes >= BYTES_A_TURN {
                self.turn.live.head.more = true;
                return;
            }
            let Some(looping) = self.looping() else { return };
            let (number, from, upto) = looping.start_batch();
            let kind = Kind::Foreach {
                from,
                values: (from..upto).filter_map(|index| combinations.get(index)).collect(),
                concurrency,
                bounded: self.turn.begun.is_bounded(),
                requested_outputs: requested_of(self.turn, self.turn.id(self.at)),
                within: self.turn.begun.within(),
            };
            self.begin_child(number, kind);
        }
    }

    fn continue_foreach(&mut self) {
        if let Some(combinations) = self.combinations() {
            self.start_batches(&combinations);
        }
    }

    fn combinations(&self) -> Option<Combinations> {
        Combinations::of(&self.turn.step(self.at)?.params.value("loop_params")?).ok()
    }

    /// Begins the run of a while.
    pub(super) fn start_while(&mut self, first: Ordered<Value>) {
        let begun = self.turn.begun;
        let StepKind::While { condition, .. } = &self.turn.definition(self.at).kind else { return };
        let (condition, bounded, within) = (condition.clone(), begun.is_bounded(), begun.within());
        self.set_looping(LoopRun::single(0));
        self.begin_child(0, Kind::While { condition, first, bounded, within });
    }

    fn looping(&mut self) -> Option<&mut LoopRun> {
        self.turn.step_mut(self.at)?.looping.as_mut()
    }

    pub(super) fn set_looping(&mut self, looping: LoopRun) {
        if let Some(step) = self.turn.step_mut(self.at) {
            step.looping = Some(looping);
        }
    }

    pub(super) fn child_key(&self, number: u64) -> String {
        child_key(self.turn.key, self.turn.attempt_at(self.at), number)
    }

    fn begin_child(&mut self, number: u64, kind: Kind) {
        let begun = self.turn.begun;
        let begin = Begin {
            workflow: begun.workflow.clone(),
            version: begun.version,
            instance: begun.instance,
            kind: NamedFields(kind),
            steps: NamedFields(self.turn.definition(self.at).inner().to_vec()),
            outer: NamedFields(self.outer()),
            initiator: begun.initiator.clone(),
            signals: begun.signals.clone(),
            parent: Some(self.parent(number)),
            breakpoints: self.turn.breakpoints().to_vec(),
        };
        let key = self.child_key(number);
        self.turn.bytes += wire::encode(&begin).len();
        self.turn.send(Outgoing::Begin(key, Box::new(begin)));
    }

    /// The address and id by which a child run reports its end.
    pub(super) fn parent(&self, number: u64) -> Parent {
        let (run, attempt) = (self.turn.live.head.run, self.turn.attempt_at(self.at));
        Parent { to: Address::of::<WorkflowRun>(self.turn.key), id: format!("{run}.{attempt}.{number}") }
    }

    /// The values around the steps of a loop, nearest first: the loop's parameters, its iteration's, and the outer
    /// ones.
    fn outer(&self) -> Vec<Ordered<Value>> {
        let evaluated = |params: &Parameters| -> Ordered<Value> {
            params
                .keys()
                .filter(|name| *name != "loop_params")
                .filter_map(|name| Some((name.clone(), params.value(name)?)))
                .collect()
        };
        let step = self.turn.step(self.at).map(|step| evaluated(&step.params));
        let iteration = self.turn.live.iterations.get(&self.at.iteration);
        let workflow = evaluated(&self.turn.live.params);
        step.into_iter()
            .chain(iteration.map(|iteration| iteration.values.clone()))
            .chain(self.turn.begun.outer.0.iter().cloned())
            .chain((!workflow.is_empty()).then_some(workflow))
            .filter(|layer| !layer.is_empty())
            .collect()
    }

    /// Takes the end of a child run, and starts the next batch or ends the step.
    pub(super) fn child_ended(&mut self, number: u64, ended: &Ended) {
        let kind = &self.turn.definition(self.at).kind;
        let foreach = matches!(kind, StepKind::Foreach { .. });
        let is_while = matches!(kind, StepKind::While { .. });
        let Some(looping) = self.looping() else { return };
        if !looping.batch_ended(number, ended, foreach) {
            return;
        }
        if !is_while && let Err(line) = looping.add_outputs(&ended.values.0) {
            self.turn.line(line);
        }
        if foreach && self.turn.live.head.stopping.is_none() {
            self.continue_foreach();
        }
        self.end_if_done(is_while, ended);
    }

    /// Ends the step if no child run is left.
    fn end_if_done(&mut self, is_while: bool, last: &Ended) {
        let now = i64::try_from(self.turn.now.0).unwrap_or(i64::MAX);
        let Some(step) = self.turn.step_mut(self.at) else { return };
        let Some(looping) = step.looping.as_ref().filter(|looping| looping.running.is_empty()) else {
            return;
        };
        let (Counts { failed, stopped, .. }, why) = (looping.counts, looping.why.clone());
        // The last values of a while become the step's own parameters.
        let own = if is_while { Some(&last.values.0) } else { None };
        for (name, value) in own.into_iter().flatten() {
            let param = Parameter::of(value.clone(), ParamSource::While, now);
            if let Some(param) = param.filter(|_| name != "loop_index") {
                step.params.insert(name.clone(), param);
            }
        }
        if !step.status().is_active() {
            return;
        }
        let mut attempt = self.turn.attempt(self.at);
        if failed > 0 {
            attempt.fail(StepStatus::UserFailed, &why);
        } else if stopped > 0 {
            attempt.halt(&why, false);
        } else {
            attempt.succeed();
        }
    }

    /// Stops the step's child runs.
    pub(super) fn stop(&mut self, why: &str) {
        if matches!(self.turn.definition(self.at).kind, StepKind::Subworkflow { .. }) {
            return self.stop_subworkflow(why);
        }
        let running = self.looping().map(|looping| looping.running.clone()).unwrap_or_default();
        for number in running {
            let key = self.child_key(number);
            self.turn.send(Outgoing::Stop(key, Stop { why: why.to_owned(), kill: false }));
        }
    }
}

impl Turn<'_> {
    /// Starts the batches for which an earlier log entry had no room.
    pub(super) fn continue_loops(&mut self) {
        if self.live.head.stopping.is_some() || self.live.head.status.is_terminal() {
            return;
        }
        let begun = self.begun;
        let open = self.steps_where(|at, step| {
            step.status() == StepStatus::Running
                && step.looping.as_ref().is_some_and(LoopRun::has_room)
                && matches!(begun.steps()[at.step_index].kind, StepKind::Foreach { .. })
        });
        for at in open {
            self.children(at).continue_foreach();
        }
    }
}
