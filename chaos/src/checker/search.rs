//! The search for an order.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use crate::history::{Answer, Call, End, Operation};

/// Configurations tried for one key before the search gives up.
const STEPS_MAX: u64 = 4_000_000;

/// A thing that calls are made on, one after the other.
pub trait Model {
    /// What it holds.
    type State: Clone + Eq + Hash;

    /// The thing, knowing all that was ever said of it.
    fn of(operations: &[Operation]) -> Self;

    /// What it holds at first.
    fn initial() -> Self::State;

    /// What it holds after a call, or nothing when the answer contradicts what it held. No answer contradicts nothing.
    fn step(&self, state: &Self::State, call: &Call, answer: Option<&Answer>) -> Option<Self::State>;
}

/// What the search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order.
    Linearizable,
    /// There is none. The index is of a call that no order got past.
    Contradicted(usize),
    /// The budget was spent first.
    Undecided,
}

/// Whether one key's operations can be ordered. Failed calls did not happen, and queries without an answer say nothing.
#[must_use]
pub fn linearizable<M: Model>(operations: &[Operation]) -> Verdict {
    Search::<M>::new(operations).run(STEPS_MAX)
}

/// No place in the list.
const NONE: usize = usize::MAX;

/// A call or its answer, at its time.
#[derive(Clone, Copy)]
struct Event {
    /// Index into the relevant calls.
    call: usize,
    is_answer: bool,
}

/// One call that an order must hold, or may.
struct Part<'a> {
    index: usize,
    call: &'a Call,
    answer: Option<&'a Answer>,
    /// A call in doubt that is interchangeable with this one and was sent earlier: wherever this one fits, so does that
    /// one, so this one is not tried before it.
    twin: Option<usize>,
}

struct Search<'a, M: Model> {
    model: M,
    parts: Vec<Part<'a>>,
    events: Vec<Event>,
    /// A doubly linked list through the events not yet taken out; the last place is the list's head.
    next: Vec<usize>,
    before: Vec<usize>,
    /// Where the answer of each call is; none for calls in doubt.
    answers: Vec<usize>,
    /// Answered calls that are not in the order yet.
    left: usize,
    done: Vec<u64>,
    state: M::State,
    /// Calls in the order, each with the state before it.
    order: Vec<(usize, M::State)>,
    /// The most answered calls that were in an order at once, and the call that was next then.
    deepest: (usize, usize),
}

impl<'a, M: Model> Search<'a, M> {
    fn new(operations: &'a [Operation]) -> Self {
        let parts = parts(operations);
        let mut timed: Vec<(u64, bool, usize)> = Vec::new();
        for (call, part) in parts.iter().enumerate() {
            timed.push((operations[part.index].sent, false, call));
            if let Some((at, _)) = operations[part.index].answered() {
                timed.push((at, true, call));
            }
        }
        // Of one instant, calls come before answers: what may have been concurrent is taken to be.
        timed.sort_unstable();
        let events: Vec<Event> =
            timed.into_iter().map(|(_, is_answer, call)| Event { call, is_answer }).collect();
        let mut answers = vec![NONE; parts.len()];
        for (at, event) in events.iter().enumerate().filter(|(_, event)| event.is_answer) {
            answers[event.call] = at;
        }
        let head = events.len();
        let next = (0..=head).map(|at| if at == head { 0 } else { at + 1 }).collect();
        let before = (0..=head).map(|at| if at == 0 { head } else { at - 1 }).collect();
        Self {
            model: M::of(operations),
            left: parts.iter().filter(|part| part.answer.is_some()).count(),
            done: vec![0; parts.len().div_ceil(64)],
            state: M::initial(),
            order: Vec::new(),
            deepest: (0, 0),
            parts,
            events,
            next,
            before,
            answers,
        }
    }

    fn run(mut self, steps_max: u64) -> Verdict {
        let head = self.events.len();
        let answered = self.left;
        let mut seen: HashSet<(Vec<u64>, M::State)> = HashSet::new();
        let mut at = self.next[head];
        let mut steps = 0;
        while self.left > 0 {
            steps += 1;
            if steps > steps_max {
                return Verdict::Undecided;
            }
            // Calls in doubt have no answer, so the list may end in calls; an answer not in the order lies before that.
            if at != head && !self.events[at].is_answer {
                let taken = self.try_call(at, &mut seen);
                at = self.next[if taken { head } else { at }];
                continue;
            }
            let depth = answered - self.left;
            if at != head && depth >= self.deepest.0 {
                self.deepest = (depth, self.parts[self.events[at].call].index);
            }
            let Some((last, state)) = self.order.pop() else {
                return Verdict::Contradicted(self.deepest.1);
            };
            self.state = state;
            let call = self.events[last].call;
            self.done[call / 64] &= !(1 << (call % 64));
            self.put_back(last);
            at = self.next[last];
        }
        Verdict::Linearizable
    }

    /// Takes a call into the order, if the model allows it there and the configuration is new.
    fn try_call(&mut self, at: usize, seen: &mut HashSet<(Vec<u64>, M::State)>) -> bool {
        let call = self.events[at].call;
        let part = &self.parts[call];
        let is_done = |call: usize| self.done[call / 64] >> (call % 64) & 1 == 1;
        if part.twin.is_some_and(|twin| !is_done(twin)) {
            return false;
        }
        let Some(state) = self.model.step(&self.state, part.call, part.answer) else { return false };
        let mut done = self.done.clone();
        done[call / 64] |= 1 << (call % 64);
        if !seen.insert((done.clone(), state.clone())) {
            return false;
        }
        self.done = done;
        self.order.push((at, std::mem::replace(&mut self.state, state)));
        self.take_out(at);
        true
    }

    fn take_out(&mut self, at: usize) {
        let answer = self.answers[self.events[at].call];
        self.unlink(at);
        if answer != NONE {
            self.unlink(answer);
            self.left -= 1;
        }
    }

    /// In the opposite order, so that each finds its neighbours where it left them.
    fn put_back(&mut self, at: usize) {
        let answer = self.answers[self.events[at].call];
        if answer != NONE {
            self.link(answer);
            self.left += 1;
        }
        self.link(at);
    }

    fn unlink(&mut self, at: usize) {
        let (before, next) = (self.before[at], self.next[at]);
        self.next[before] = next;
        self.before[next] = before;
    }

    fn link(&mut self, at: usize) {
        let (before, next) = (self.before[at], self.next[at]);
        self.next[before] = at;
        self.before[next] = at;
    }
}

/// Answered calls, and writes in doubt.
fn parts(operations: &[Operation]) -> Vec<Part<'_>> {
    let named = named(operations);
    let mut order: Vec<usize> = (0..operations.len()).collect();
    order.sort_by_key(|at| operations[*at].sent);
    let mut parts = Vec::new();
    let mut twins: HashMap<(u8, u64), usize> = HashMap::new();
    for index in order {
        let operation = &operations[index];
        let answer = operation.answered().map(|(_, answer)| answer);
        let mut twin = None;
        if answer.is_none() {
            let (End::Unknown, Some(value)) = (&operation.end, operation.call.written()) else { continue };
            if !named.contains(&value) {
                let class = match operation.call {
                    Call::Cas { old, .. } => (1, old),
                    _ => (0, 0),
                };
                twin = twins.insert(class, parts.len());
            }
        }
        parts.push(Part { index, call: &operation.call, answer, twin });
    }
    parts
}

/// Values that an answer or another call depends on. Writes of others differ in nothing but when they were sent.
fn named(operations: &[Operation]) -> HashSet<u64> {
    let mut named = HashSet::new();
    for operation in operations {
        if let Call::Cas { old, .. } = operation.call {
            named.insert(old);
        }
        match operation.answered() {
            Some((_, Answer::Register { value, .. })) => {
                named.insert(*value);
            }
            Some((_, Answer::List(values))) => named.extend(values),
            Some((_, Answer::Length(_))) | None => {}
        }
    }
    named
}
