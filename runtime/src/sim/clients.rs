//! Simulated clients: each has one call at a time, routes and repeats it by the router's own rules, and records the
//! answers.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::Rng as _;

use super::bystanders::{NearRead, check_near};
use super::kinds::{Append, Get, List, Put, Read, Register, Swap};
use super::network::Mail;
use super::shared::{Event, Shared};
use super::{linear, lists};
use crate::routing::{ATTEMPT_MAX, Attempts, may_repeat};
use crate::time::micros;
use crate::transport::{AskBatch, AskOne, Envelope, Outcome, ReplyBatch};
use crate::{Address, AskError, Command, NodeId, Query, ShardId, wire};

/// Keys of each kind.
pub(super) const KEYS: u64 = 8;
/// The first of them get most of the calls.
const HOT_KEYS: u64 = 2;
/// How long an impatient client waits for an answer.
const IMPATIENT: Duration = Duration::from_millis(100);
/// Call numbers from here on belong to no client: bursts.
const NO_CLIENT: u64 = 1 << 63;

/// An operation with an unknown result so far.
#[derive(Debug, Clone)]
enum Operation {
    Put(u64),
    Swap(u64, u64),
    Get,
    Append(u64),
    Read,
}

struct Ongoing {
    key: u64,
    operation: Operation,
    ask: AskOne,
    shard: ShardId,
    began: u64,
    deadline: u64,
    attempts: Attempts,
    tried: bool,
    waits: Option<u16>,
}

#[derive(Default)]
struct Client {
    serial: u64,
    ongoing: Option<Ongoing>,
    leaders: BTreeMap<ShardId, NodeId>,
    /// Keys that are still to be read at the end.
    script: Vec<u64>,
}

/// The node that a client runs on: the client asks it first, and is frozen with it.
pub(super) fn home(at: usize, nodes: u16) -> Option<u16> {
    let one = || u16::try_from(at / 4).unwrap_or(0) % nodes + 1;
    at.is_multiple_of(4).then(one)
}

/// All clients and their histories.
pub(super) struct Clients {
    clients: Vec<Client>,
    registers: BTreeMap<u64, Vec<linear::Call>>,
    lists: BTreeMap<u64, Vec<lists::Call>>,
    /// Appended ids, each with its list and the list that its effect goes to.
    sent_on: Vec<(u64, u64, u64)>,
    value: u64,
    stopped: bool,
    pub(super) answered: u64,
    pub(super) unknown: u64,
    bursts: u64,
}

impl Clients {
    pub(super) fn new(count: u16) -> Self {
        Self {
            clients: (0..count).map(|_| Client::default()).collect(),
            registers: BTreeMap::new(),
            lists: BTreeMap::new(),
            sent_on: Vec::new(),
            value: 0,
            stopped: false,
            answered: 0,
            unknown: 0,
            bursts: 0,
        }
    }

    /// No new calls.
    pub(super) fn stop(&mut self) {
        self.stopped = true;
    }

    /// Whether no client has an open call.
    pub(super) fn idle(&self) -> bool {
        self.clients.iter().all(|client| client.ongoing.is_none() && client.script.is_empty())
    }

    /// Starts the last calls: every list is read once more.
    pub(super) fn read_all(&mut self, s: &mut Shared) {
        let count = self.clients.len();
        for key in 0..KEYS {
            let at = usize::try_from(key).unwrap_or(0) % count;
            self.clients[at].script.push(key);
        }
        for at in 0..count {
            self.clients[at].serial += 1;
            self.wake(at, 0, s);
        }
    }

    pub(super) fn wake(&self, at: usize, delay: u64, s: &mut Shared) {
        let client = u16::try_from(at).unwrap_or(0);
        s.after(delay, Event::Client { client, serial: self.clients[at].serial });
    }

    /// A client continues: it starts a call, makes another attempt, or gives up waiting for an answer.
    pub(super) fn proceed(&mut self, at: usize, serial: u64, s: &mut Shared) {
        if self.clients[at].serial != serial {
            return;
        }
        match &self.clients[at].ongoing {
            None => self.begin(at, s),
            Some(ongoing) if ongoing.waits.is_some() => {
                let count = ongoing.attempts.left().len();
                let late = AskError::Unknown("no answer in time".to_owned());
                self.answered(at, vec![Err(late); count], s);
            }
            Some(_) => self.attempt(at, s),
        }
    }

    fn begin(&mut self, at: usize, s: &mut Shared) {
        let (key, operation) = match self.clients[at].script.pop() {
            Some(key) => (key, Operation::Read),
            None if self.stopped => return,
            None => self.draw(at, s),
        };
        let register = matches!(operation, Operation::Put(_) | Operation::Swap(..) | Operation::Get);
        let to = if register {
            Address::of::<Register>(format!("r{key}"))
        } else {
            Address::of::<List>(format!("l{key}"))
        };
        let (verb, body) = match &operation {
            Operation::Put(value) => (Put::VERB, wire::encode(&Put { value: *value })),
            Operation::Swap(expected, value) => {
                (Swap::VERB, wire::encode(&Swap { expected: *expected, value: *value }))
            }
            Operation::Get => (Get::VERB, wire::encode(&Get {})),
            Operation::Append(id) => {
                let then = s.rng.random_bool(0.5).then(|| (key + s.rng.random_range(1..KEYS)) % KEYS);
                if let Some(then) = then {
                    self.sent_on.push((*id, key, then));
                }
                let then = then.map(|then| format!("l{then}"));
                (Append::VERB, wire::encode(&Append { id: *id, then }))
            }
            Operation::Read => (Read::VERB, wire::encode(&Read {})),
        };
        // Some clients send no idempotency key and so do not repeat what may have been executed.
        let idempotency = s.rng.random_bool(0.9).then(|| s.rng.random::<u128>());
        let keyed = matches!(operation, Operation::Put(_) | Operation::Swap(..) | Operation::Append(_));
        let ask = AskOne { to, verb: verb.to_owned(), body, key: idempotency.filter(|_| keyed) };
        let turn = usize::from(s.rng.random::<u8>());
        self.clients[at].ongoing = Some(Ongoing {
            key,
            operation,
            shard: ask.to.shard(s.options.shards),
            ask,
            began: s.now,
            deadline: s.now + s.options.call_ms * 1_000,
            attempts: Attempts::new(1, turn),
            tried: false,
            waits: None,
        });
        self.attempt(at, s);
    }

    fn draw(&mut self, at: usize, s: &mut Shared) -> (u64, Operation) {
        self.value += 1;
        // Half of the calls go to a few keys: a wrong answer can only be detected if other clients changed the same
        // key.
        let keys = if s.rng.random_bool(0.5) { HOT_KEYS } else { KEYS };
        let (key, value) = (s.rng.random_range(0..keys), self.value);
        // Clients on a node only read: a write to a cut-off leader would block them from seeing its answers.
        let first = if home(at, s.options.nodes).is_some() { 5 } else { 0 };
        let operation = match s.rng.random_range(first..10) {
            0 | 1 => Operation::Put(value),
            2 => Operation::Swap(value.saturating_sub(s.rng.random_range(1..12)), value),
            3 | 4 => Operation::Append(value),
            5..=7 => Operation::Get,
            _ => Operation::Read,
        };
        (key, operation)
    }

    fn attempt(&mut self, at: usize, s: &mut Shared) {
        let client = &mut self.clients[at];
        let Some(ongoing) = &mut client.ongoing else { return };
        if s.now >= ongoing.deadline {
            return self.end(at, s);
        }
        let nodes = &s.known[ongoing.shard.0 as usize];
        let near = home(at, s.options.nodes).filter(|_| !std::mem::replace(&mut ongoing.tried, true));
        // Every second client forgets the leader each time: it finds a new leader while others still ask the old one.
        let known = client.leaders.get(&ongoing.shard).copied().filter(|_| at.is_multiple_of(2));
        let to = near
            .unwrap_or_else(|| ongoing.attempts.target(known, |turn| NodeId(nodes[turn % nodes.len()])).0);
        ongoing.waits = Some(to);
        client.serial += 1;
        let call = (at as u64) << 32 | client.serial;
        let left_ms = u32::try_from((ongoing.deadline - s.now) / 1_000).unwrap_or(u32::MAX);
        let batch = AskBatch { call, shard: ongoing.shard, left_ms, asks: vec![ongoing.ask.clone()] };
        let mail = Mail::Envelope(Envelope::Ask(batch));
        if near.is_some() {
            s.at_home.push((to, mail));
        } else {
            s.send(0, to, vec![mail]);
        }
        // Impatient clients soon try another node. If all clients were patient, a frozen node would hold all of them,
        // and its late answers could not contradict anything.
        let wait = if at % 4 == 3 { IMPATIENT } else { ATTEMPT_MAX };
        self.wake(at, micros(wait), s);
    }

    /// Takes an answer, perhaps after its client has given up waiting.
    pub(super) fn reply(&mut self, reply: ReplyBatch, s: &mut Shared) {
        if reply.call >= NO_CLIENT {
            return;
        }
        let at = usize::try_from(reply.call >> 32).unwrap_or(usize::MAX);
        let current = self.clients.get(at).is_some_and(|client| {
            client.serial == reply.call & 0xffff_ffff
                && client.ongoing.as_ref().is_some_and(|ongoing| ongoing.waits.is_some())
        });
        if current {
            self.answered(at, reply.outcomes, s);
        }
    }

    fn answered(&mut self, at: usize, outcomes: Vec<Outcome>, s: &mut Shared) {
        let client = &mut self.clients[at];
        let Some(ongoing) = &mut client.ongoing else { return };
        let Some(to) = ongoing.waits.take() else { return };
        match outcomes.first() {
            Some(Ok(_)) => {
                client.leaders.insert(ongoing.shard, NodeId(to));
            }
            _ => {
                client.leaders.remove(&ongoing.shard);
            }
        }
        let safe = may_repeat(&s.registry, &ongoing.ask);
        client.serial += 1;
        match ongoing.attempts.answered(NodeId(to), outcomes, |_| safe) {
            // Hints may form a circle while nodes disagree: time must pass.
            Some(pause) => {
                let pause = u64::try_from(pause.as_micros()).unwrap_or(0).max(200);
                self.wake(at, pause, s);
            }
            None => self.end(at, s),
        }
    }

    /// Ends a call and adds the result to the history.
    fn end(&mut self, at: usize, s: &mut Shared) {
        let Some(Ongoing { key, operation, began: from, attempts, .. }) = self.clients[at].ongoing.take()
        else {
            return;
        };
        let outcome = attempts.outcomes().pop().unwrap_or(Err(AskError::Expired));
        s.note(&[at as u64, key, u64::from(outcome.is_ok())]);
        let doubt = outcome.as_ref().is_err_and(AskError::executed);
        if outcome.is_ok() {
            self.answered += 1;
        } else {
            self.unknown += u64::from(doubt);
        }
        let to = outcome.is_ok().then_some(s.now);
        let known = to.is_some() || doubt;
        let bytes = outcome.unwrap_or_default();
        let register = match &operation {
            Operation::Put(value) if known => Some(linear::Step::Put(*value)),
            Operation::Swap(expected, value) if known => {
                Some(linear::Step::Swap(*expected, *value, to.and_then(|_| wire::decode(&bytes).ok())))
            }
            Operation::Get => to.and_then(|_| wire::decode(&bytes).ok()).map(linear::Step::Get),
            _ => None,
        };
        let list = match &operation {
            Operation::Append(id) if known => {
                Some(lists::Step::Append(*id, to.and_then(|_| wire::decode(&bytes).ok())))
            }
            Operation::Read => to.and_then(|_| wire::decode(&bytes).ok()).map(lists::Step::Read),
            _ => None,
        };
        if let Some(step) = register {
            self.registers.entry(key).or_default().push(linear::Call { from, to, step });
        }
        if let Some(step) = list {
            self.lists.entry(key).or_default().push(lists::Call { from, to, step });
        }
        self.clients[at].serial += 1;
        let pause = s.between(500, 60_000);
        self.wake(at, pause, s);
    }

    /// Sends many reads of one shard at once; their answers are dropped.
    pub(super) fn burst(&mut self, shard: ShardId, asks: u32, s: &mut Shared) {
        let to = Address::of::<Register>(format!("burst{}", shard.0));
        let one = AskOne { to, verb: Get::VERB.to_owned(), body: wire::encode(&Get {}), key: None };
        for node in s.known[shard.0 as usize].clone() {
            let mut left = asks;
            while left > 0 {
                let now = left.min(100);
                left -= now;
                self.bursts += 1;
                let asks = vec![one.clone(); now as usize];
                let batch = AskBatch { call: NO_CLIENT | self.bursts, shard, left_ms: 500, asks };
                s.send(0, node, vec![Mail::Envelope(Envelope::Ask(batch))]);
            }
        }
    }

    /// Sends asks to the control group's leader; the operator checks the result itself.
    pub(super) fn operate(&mut self, asks: &[AskOne], s: &mut Shared) {
        for node in s.known[ShardId::CONTROL.0 as usize].clone() {
            self.bursts += 1;
            let (call, shard) = (NO_CLIENT | self.bursts, ShardId::CONTROL);
            let batch = AskBatch { call, shard, left_ms: 2_000, asks: asks.to_vec() };
            s.send(0, node, vec![Mail::Envelope(Envelope::Ask(batch))]);
        }
    }

    /// Checks all histories.
    pub(super) fn check(&self, nears: &[NearRead]) -> Result<(), String> {
        let mut last: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for (key, calls) in &self.lists {
            let reads = calls.iter().filter_map(|call| match &call.step {
                lists::Step::Read(seen) => Some((call.to, seen)),
                lists::Step::Append(..) => None,
            });
            let newest = reads.max_by_key(|(to, _)| *to).map(|(_, seen)| seen.clone()).unwrap_or_default();
            last.insert(*key, newest);
        }
        for (key, calls) in &self.lists {
            lists::check(calls, &last[key]).map_err(|why| format!("list l{key}: {why}"))?;
        }
        for (key, calls) in &self.registers {
            if !linear::is_linearizable(calls) {
                return Err(format!("the history of register r{key} is not linearizable"));
            }
        }
        for key in 0..KEYS {
            let (calls, last) = (self.lists.get(&key), last.get(&key));
            let reads: Vec<&NearRead> = nears.iter().filter(|read| read.key == key).collect();
            check_near(&reads, calls.map_or(&[], Vec::as_slice), last.map_or(&[], Vec::as_slice))
                .map_err(|why| format!("list l{key}: {why}"))?;
        }
        self.check_effects(&last)
    }

    /// Each effect took place once, and effects kept their order.
    fn check_effects(&self, last: &BTreeMap<u64, Vec<u64>>) -> Result<(), String> {
        for (id, from, to) in &self.sent_on {
            let count =
                |key: &u64| last.get(key).map_or(0, |list| list.iter().filter(|has| *has == id).count());
            let (cause, effect) = (count(from), count(to));
            if cause != effect {
                return Err(format!(
                    "{id} is {cause} times in list l{from}, and its effect {effect} times in l{to}"
                ));
            }
        }
        let sent: BTreeMap<u64, (u64, u64)> =
            self.sent_on.iter().map(|(id, from, to)| (*id, (*from, *to))).collect();
        for (from, to) in (0..KEYS).flat_map(|from| (0..KEYS).map(move |to| (from, to))) {
            let order = |key: &u64| -> Vec<u64> {
                let list = last.get(key).into_iter().flatten();
                list.copied().filter(|id| sent.get(id) == Some(&(from, to))).collect()
            };
            if order(&from) != order(&to) {
                return Err(format!("effects of list l{from} are in another order in l{to}"));
            }
        }
        Ok(())
    }
}
