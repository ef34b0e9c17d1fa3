//! The search for a linearization.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use crate::history::{Answer, Call, End, Operation};

/// Configurations tried for one key before the search gives up.
const STEPS_MAX: u64 = 4_000_000;

/// A sequential object: the specification of a register or a list.
pub trait Model {
    /// The object's state.
    type State: Clone + Eq + Hash;

    /// Builds the object from the whole history, for hints that narrow the search.
    fn of(operations: &[Operation]) -> Self;

    /// The state before the first call.
    fn initial() -> Self::State;

    /// The state after a call; `None` if `answer` contradicts `state`. A missing answer contradicts no state.
    fn step(&self, state: &Self::State, call: &Call, answer: Option<&Answer>) -> Option<Self::State>;
}

/// The result of the search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// An order exists.
    Linearizable,
    /// No order exists. The index is that of the call at which the deepest attempt failed.
    Contradicted(usize),
    /// The budget was spent first.
    Undecided,
}

/// Searches an order of one key's operations. Failed calls and queries without an answer are left out.
#[must_use]
pub fn linearizable<M: Model>(operations: &[Operation]) -> Verdict {
    Search::<M>::new(operations).run(STEPS_MAX)
}

/// No position in the list.
const NONE: usize = usize::MAX;

/// A call or its answer, in order of time.
#[derive(Clone, Copy)]
struct Event {
    /// Index into the relevant calls.
    call: usize,
    is_answer: bool,
}

/// One call: an order must contain it if it has an answer, else it may.
struct Part<'a> {
    index: usize,
    call: &'a Call,
    answer: Option<&'a Answer>,
    /// An interchangeable call in doubt that was sent earlier. It fits wherever this one fits, so it is tried first.
    twin: Option<usize>,
}

struct Search<'a, M: Model> {
    model: M,
    parts: Vec<Part<'a>>,
    events: Vec<Event>,
    /// A doubly linked list of the events not yet taken out; the last position is the list's head.
    next: Vec<usize>,
    before: Vec<usize>,
    /// The position of each call's answer; `NONE` for calls in doubt.
    answers: Vec<usize>,
    /// Answered calls that are not in the order yet.
    left: usize,
    done: Vec<u64>,
    state: M::State,
    /// Calls in the order, each with the state before it.
    order: Vec<(usize, M::State)>,
    /// The most answered calls that one order contained, and the call that followed.
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
        // At one instant, calls sort before answers: calls that may be concurrent count as concurrent.
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
            // Calls in doubt have no answer, so the list may end in calls. An answer not in the order precedes them.
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

    /// Appends a call to the order, if the model allows it and the configuration was not visited.
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

    /// Links in the opposite order of [`Self::take_out`], so that each event finds its old neighbours.
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

/// The answered calls and the writes in doubt.
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

/// Values that an answer or a compare-and-swap depends on. Writes of other values are interchangeable.
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
