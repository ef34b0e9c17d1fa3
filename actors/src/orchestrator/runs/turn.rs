//! One command's turn: a copy of the run's state that the command changes, with the events and messages it causes.
//!
//! `Turn` only collects. Each responsibility has its own view of it: [`RunTurn`], [`AttemptTurn`], [`LoopTurn`],
//! [`SignalTurn`], [`PermitTurn`] and [`DeployTurn`].

use troupe_runtime::entity::Timer;
use troupe_runtime::text::cut;
use troupe_runtime::{Command, Context, Decision, Timestamp};
use troupe_workflows::Ordered;
use troupe_workflows::definition::Step;
use troupe_workflows::graph::Graph;
use troupe_workflows::params::{Lookup, Parameters, Value};

use super::attempts::AttemptTurn;
use super::change::{Change, FAILURES_MAX, Live};
use super::deployments::DeployTurn;
use super::loops::LoopTurn;
use super::messages::{Begin, Tick};
use super::outgoing::Outgoing;
use super::permits::PermitTurn;
use super::run_turn::RunTurn;
use super::signals::SignalTurn;
use super::state::{Event, WorkflowRun};
use super::step_at::{AttemptAt, StepAt};
use super::step_run::StepRun;
use super::step_scope::StepScope;
use crate::stored::NamedFields;

/// Iterations that one log entry carries on, and steps that it starts. More would delay the shard's other actors.
pub(super) const ITERATIONS_A_TURN: usize = 64;
pub(super) const STARTS_A_TURN: usize = 256;
/// Bytes of parameters and messages in one log entry, so that it fits the transport's frame limit. One step or batch
/// that begins below the bound may exceed it.
pub(super) const BYTES_A_TURN: usize = 64 << 10;
pub(super) const TIMER: &str = "tick";
pub(super) const WORDS_CHARS_MAX: usize = 400;

/// The turn of one command. Copying the state and building the graph cost a millisecond for 300 steps in a debug build,
/// and the log entry costs two. So a run keeps no cache between commands that could differ from the log.
pub(super) struct Turn<'a> {
    pub(super) begun: &'a Begin,
    pub(super) key: &'a str,
    pub(super) now: Timestamp,
    pub(super) seed: u64,
    pub(super) graph: Graph,
    pub(super) live: Live,
    outgoing: Vec<Outgoing>,
    lines: Vec<(Timestamp, String)>,
    pub(super) starts: usize,
    /// Approximate bytes of the parameters and messages so far.
    pub(super) bytes: usize,
}

impl<'a> Turn<'a> {
    pub(super) fn new(begun: &'a Begin, live: Live, ctx: &Context<'a>) -> Self {
        // A push validates the definition. If it has no graph all the same, no step of it can start.
        let graph = Graph::of(begun.steps()).or_else(|_| Graph::of(&[]));
        Self {
            begun,
            key: ctx.key,
            now: ctx.now,
            seed: ctx.seed,
            graph: graph.unwrap_or_else(|_| unreachable!("an empty list of steps has a graph")),
            live,
            outgoing: Vec::new(),
            lines: Vec::new(),
            starts: 0,
            bytes: 0,
        }
    }

    pub(super) const fn run(&mut self) -> RunTurn<'_, 'a> {
        RunTurn { turn: self }
    }

    pub(super) const fn attempt(&mut self, at: StepAt) -> AttemptTurn<'_, 'a> {
        AttemptTurn { turn: self, at }
    }

    pub(super) const fn children(&mut self, at: StepAt) -> LoopTurn<'_, 'a> {
        LoopTurn { turn: self, at }
    }

    pub(super) const fn signals(&mut self, at: StepAt) -> SignalTurn<'_, 'a> {
        SignalTurn { turn: self, at }
    }

    pub(super) const fn permits(&mut self, at: StepAt) -> PermitTurn<'_, 'a> {
        PermitTurn { turn: self, at }
    }

    pub(super) const fn deployment(&mut self, at: StepAt) -> DeployTurn<'_, 'a> {
        DeployTurn { turn: self, at }
    }

    /// The definition of a step.
    pub(super) fn definition(&self, at: StepAt) -> &'a Step {
        &self.begun.steps()[at.step_index]
    }

    pub(super) fn id(&self, at: StepAt) -> &str {
        self.graph.id(at.step_index)
    }

    pub(super) fn step(&self, at: StepAt) -> Option<&StepRun> {
        self.live.step(at)
    }

    pub(super) fn step_mut(&mut self, at: StepAt) -> Option<&mut StepRun> {
        self.live.iterations.get_mut(&at.iteration)?.steps.get_mut(at.step_index)
    }

    /// The steps for which `wanted` holds, in the order of iterations and steps.
    pub(super) fn steps_where(&self, wanted: impl Fn(StepAt, &StepRun) -> bool) -> Vec<StepAt> {
        let steps = self.live.steps().filter(|(at, step)| wanted(*at, step));
        steps.map(|(at, _)| at).collect()
    }

    pub(super) fn attempt_at(&self, at: StepAt) -> AttemptAt {
        at.attempt(self.step(at).map_or(0, |step| step.attempt))
    }

    /// The id of a step's present attempt; no other attempt of any run has it.
    pub(super) fn attempt_id(&self, at: StepAt) -> String {
        format!("{}#{}.{}", self.key, self.live.head.run, self.attempt_at(at))
    }

    /// Evaluates with the layers around a step, the nearest first.
    pub(super) fn scoped<T>(
        &self,
        at: StepAt,
        own: Option<&Parameters>,
        evaluate: impl FnOnce(&[&dyn Lookup], &StepScope<'_, '_>) -> T,
    ) -> T {
        let nothing = Ordered::<Value>::new();
        let iteration = self.live.iterations.get(&at.iteration);
        let mut layers: Vec<&dyn Lookup> = Vec::with_capacity(8);
        if let Some(own) = own {
            layers.push(own);
        }
        layers.push(iteration.map_or(&nothing, |iteration| &iteration.values));
        layers.extend(self.begun.outer.0.iter().map(|layer| layer as &dyn Lookup));
        layers.push(&self.live.params);
        evaluate(&layers, &StepScope { turn: self, iteration, step_index: Some(at.step_index) })
    }

    pub(super) fn send(&mut self, outgoing: Outgoing) {
        self.outgoing.push(outgoing);
    }

    pub(super) fn line(&mut self, words: impl Into<String>) {
        self.lines.push((self.now, cut(&words.into(), WORDS_CHARS_MAX)));
    }

    pub(super) fn failure(&mut self, iteration: u64, why: &str) {
        if self.live.failures.len() < FAILURES_MAX {
            self.live.failures.push((iteration, cut(why, WORDS_CHARS_MAX)));
        }
    }

    /// Whether this log entry has reached one of its bounds.
    pub(super) fn full(&self) -> bool {
        self.starts >= STARTS_A_TURN || self.bytes >= BYTES_A_TURN || self.live.exceeds_cleanup_limit()
    }

    /// When the run's timer must fire next.
    fn due(&self) -> Option<Timestamp> {
        if !self.live.cleanup.is_empty() {
            return Some(self.now);
        }
        if self.live.head.status.is_terminal() {
            return self.live.head.forget_at_end.then_some(self.now);
        }
        if self.live.head.more {
            return Some(self.now);
        }
        let steps = self.live.steps();
        steps.filter_map(|(_, step)| step.next_due()).chain(self.live.head.until).min()
    }

    /// Adds the turn's change, messages and timer to a decision.
    pub(super) fn decide<C: Command>(
        mut self,
        before: &Live,
        decision: Decision<WorkflowRun, C>,
    ) -> Decision<WorkflowRun, C> {
        let forgotten = self.live.take_cleanup(self.key);
        self.outgoing.extend(forgotten.into_iter().map(Outgoing::Forget));
        self.mirror(before);
        let timer = self.due();
        let mut decision = match Change::between(before, &self.live, self.lines) {
            Some(change) => decision.and(Event::Changed(Box::new(NamedFields(change)))),
            None => decision,
        };
        for outgoing in self.outgoing {
            decision = outgoing.send(decision);
        }
        match timer {
            Some(due) => decision.set_timer(TIMER, Timer::once(due, &Tick {})),
            None => decision.cancel_timer(TIMER),
        }
    }

    /// Sends the metadata actors what this command changed.
    fn mirror(&mut self, before: &Live) {
        if self.live.head.mirrored {
            let messages = super::metadata_mirror::messages(self, before);
            self.outgoing.extend(messages.into_iter().map(|one| Outgoing::Mirror(Box::new(one))));
        }
    }
}
