//! One command's turn: a copy that is worked on, and what is told to others.

use troupe_runtime::entity::Timer;
use troupe_runtime::{Address, Command, Context, Decision, Timestamp};
use troupe_workflows::graph::Graph;

use super::breakpoints::SetBreakpoints;
use super::change::{Change, FAILURES_MAX, Live};
use super::messages::{Begin, Ended, Forget, Stop, Tick};
use super::recorded::{self, Record};
use super::state::{Event, WorkflowRun};
use crate::coordination::signals::{Raise, Signal, Subscribe, Unsubscribe};
use crate::coordination::work_queues::{Offer, Withdraw, queue_of};
use crate::delivery::executions::{Cancel, Deployment};
use crate::delivery::pipelines::{Pipeline, RunFor};
use crate::orchestrator::permits::{Acquire, Permit, Release};
use crate::orchestrator::workflows::{StartWorkflow, StopInstance, Workflow};
use crate::stored::NamedFields;

/// Lanes that one entry carries on, and steps that it starts, before the run lets others have a turn.
pub(super) const LANES_A_TURN: usize = 64;
pub(super) const STARTS_A_TURN: usize = 256;
/// Bytes of parameters and of what is told, so that an entry stays one that can be sent in one piece. What begins before
/// the bound is reached may go beyond it once.
pub(super) const BYTES_A_TURN: usize = 64 << 10;
pub(super) const TIMER: &str = "tick";
const WORDS_CHARS_MAX: usize = 400;

/// What is told to others.
pub(super) enum Told {
    Offer(Box<Offer>),
    Withdraw(String),
    Raise(String, Box<Raise>),
    Subscribe(String, Subscribe),
    Unsubscribe(String, Unsubscribe),
    Begin(String, Box<Begin>),
    Stop(String, Stop),
    Start(String, Box<StartWorkflow>),
    StopInstance(String, StopInstance),
    Forget(String),
    Ended(Address, Box<Ended>),
    Acquire(String, Acquire),
    Release(String, Release),
    Record(Box<Record>),
    Deliver(String, Box<RunFor>),
    CallOff(String, Cancel),
    Breakpoints(String, SetBreakpoints),
}

/// A run being carried on. What lives is copied and the graph built anew for each command: with 300 steps a millisecond of
/// an unoptimised build, beside two for the entry, so nothing is kept between commands that could differ from the log.
pub(super) struct Turn<'a> {
    pub(super) begun: &'a Begin,
    pub(super) key: &'a str,
    pub(super) now: Timestamp,
    pub(super) seed: u64,
    pub(super) graph: Graph,
    pub(super) live: Live,
    pub(super) told: Vec<Told>,
    pub(super) lines: Vec<(Timestamp, String)>,
    pub(super) starts: usize,
    /// Bytes of what was evaluated and told so far, near enough.
    pub(super) bytes: usize,
}

impl<'a> Turn<'a> {
    pub(super) fn new(begun: &'a Begin, live: Live, ctx: &Context<'a>) -> Self {
        // A definition was checked when it was pushed; one that has no graph all the same has no step that could start.
        let graph = Graph::of(begun.steps()).or_else(|_| Graph::of(&[]));
        Self {
            begun,
            key: ctx.key,
            now: ctx.now,
            seed: ctx.seed,
            graph: graph.unwrap_or_else(|_| unreachable!("an empty list of steps has a graph")),
            live,
            told: Vec::new(),
            lines: Vec::new(),
            starts: 0,
            bytes: 0,
        }
    }

    pub(super) fn line(&mut self, words: impl Into<String>) {
        self.lines.push((self.now, cut(&words.into())));
    }

    pub(super) fn failure(&mut self, lane: u64, why: &str) {
        if self.live.failures.len() < FAILURES_MAX {
            self.live.failures.push((lane, cut(why)));
        }
    }

    /// Whether this entry has carried enough.
    pub(super) fn full(&self) -> bool {
        self.starts >= STARTS_A_TURN || self.bytes >= BYTES_A_TURN || self.live.leaves_much()
    }

    fn due(&self) -> Option<Timestamp> {
        if !self.live.leftovers.is_empty() {
            return Some(self.now);
        }
        if self.live.head.status.is_terminal() {
            return self.live.head.unasked.then_some(self.now);
        }
        if self.live.head.more {
            return Some(self.now);
        }
        let steps = self.live.lanes.values().flat_map(|lane| &lane.steps);
        steps.filter_map(super::lane::StepRun::next_due).chain(self.live.head.until).min()
    }

    /// The decision that comes of it.
    pub(super) fn decide<C: Command>(
        mut self,
        before: &Live,
        decision: Decision<WorkflowRun, C>,
    ) -> Decision<WorkflowRun, C> {
        self.forget_leftovers();
        self.record(before);
        let timer = self.due();
        let mut decision = match Change::between(before, &self.live, self.lines) {
            Some(change) => decision.and(Event::Changed(Box::new(NamedFields(change)))),
            None => decision,
        };
        for told in self.told {
            decision = tell(decision, told);
        }
        match timer {
            Some(due) => decision.set_timer(TIMER, Timer::once(due, &Tick {})),
            None => decision.cancel_timer(TIMER),
        }
    }
}

fn tell<C: Command>(decision: Decision<WorkflowRun, C>, told: Told) -> Decision<WorkflowRun, C> {
    let run = |key: String| Address::of::<WorkflowRun>(key);
    let signal = |name: String| Address::of::<Signal>(name);
    match told {
        Told::Offer(offer) => decision.tell(queue_of(&offer.id), offer.as_ref()),
        Told::Withdraw(id) => decision.tell(queue_of(&id), &Withdraw { id }),
        Told::Raise(name, raise) => decision.tell(signal(name), raise.as_ref()),
        Told::Subscribe(name, subscribe) => decision.tell(signal(name), &subscribe),
        Told::Unsubscribe(name, unsubscribe) => decision.tell(signal(name), &unsubscribe),
        Told::Begin(key, begin) => decision.tell(run(key), begin.as_ref()),
        Told::Stop(key, stop) => decision.tell(run(key), &stop),
        Told::Forget(key) => decision.tell(run(key), &Forget {}),
        Told::Start(id, start) => decision.tell(Address::of::<Workflow>(id), start.as_ref()),
        Told::StopInstance(id, stop) => decision.tell(Address::of::<Workflow>(id), &stop),
        Told::Acquire(tag, acquire) => decision.tell(Address::of::<Permit>(tag), &acquire),
        Told::Release(tag, release) => decision.tell(Address::of::<Permit>(tag), &release),
        Told::Ended(to, ended) => decision.tell(to, ended.as_ref()),
        Told::Record(record) => recorded::tell(decision, *record),
        Told::Deliver(pipeline, run) => decision.tell(Address::of::<Pipeline>(pipeline), run.as_ref()),
        Told::Breakpoints(key, set) => decision.tell(run(key), &set),
        Told::CallOff(execution, cancel) => decision.tell(Address::of::<Deployment>(execution), &cancel),
    }
}

pub(super) fn cut(words: &str) -> String {
    words.chars().take(WORDS_CHARS_MAX).collect()
}
