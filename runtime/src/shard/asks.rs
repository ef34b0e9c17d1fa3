//! Requests on their way through a shard: asks that wait to be decided, and outcomes collected until a request is
//! whole.

use std::collections::{HashMap, VecDeque};

use super::recent::Recent;
use super::sink::Sink;
use crate::error::AskError;
use crate::replication::Mono;
use crate::transport::{AskOne, Outcome};

/// One ask's place in its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    /// The request.
    pub(super) token: u64,
    /// Index of the ask in the request.
    pub(super) at: usize,
}

/// An ask that waits to be decided.
pub(super) struct WaitingAsk {
    pub(super) slot: Slot,
    pub(super) ask: AskOne,
    pub(super) deadline: Mono,
}

/// A request with outcomes missing.
struct Open {
    outcomes: Vec<Option<Outcome>>,
    missing: usize,
    arrived: Mono,
    /// Numbers of its messages in the ring of recent messages.
    messages: Vec<u64>,
}

/// The requests of one replica.
pub(super) struct Asks {
    open: HashMap<u64, Open, foldhash::fast::RandomState>,
    waiting: VecDeque<WaitingAsk>,
    next_token: u64,
    pub(super) recent: Recent,
}

impl Asks {
    pub(super) fn new(recent_max: u32) -> Self {
        Self {
            open: HashMap::default(),
            waiting: VecDeque::new(),
            next_token: 1,
            recent: Recent::new(recent_max),
        }
    }

    /// Takes a request and returns its token. A request without asks is answered at once.
    pub(super) fn open(&mut self, asks: Vec<AskOne>, deadline: Mono, now: Mono, sink: &mut Sink) -> u64 {
        let token = self.next_token;
        self.next_token += 1;
        let count = asks.len();
        if count == 0 {
            sink.out.answers.push((token, Vec::new()));
            return token;
        }
        self.open.insert(
            token,
            Open { outcomes: vec![None; count], missing: count, arrived: now, messages: vec![0; count] },
        );
        for (at, ask) in asks.into_iter().enumerate() {
            self.waiting.push_back(WaitingAsk { slot: Slot { token, at }, ask, deadline });
        }
        token
    }

    /// Keeps the slot's first outcome; the request is answered with its last missing outcome.
    pub(super) fn complete(&mut self, slot: Slot, outcome: Outcome, sink: &mut Sink) {
        let Slot { token, at } = slot;
        let Some(open) = self.open.get_mut(&token) else { return };
        if open.outcomes[at].is_none() {
            self.recent.finish(open.messages[at], sink.turned.saturating_sub(open.arrived));
            open.outcomes[at] = Some(outcome);
            open.missing -= 1;
        }
        if open.missing == 0
            && let Some(open) = self.open.remove(&token)
        {
            sink.out.answers.push((token, open.outcomes.into_iter().flatten().collect()));
        }
    }

    /// Remembers the number that the slot's message has in the ring of recent messages.
    pub(super) fn set_message(&mut self, slot: Slot, number: u64) {
        if let Some(open) = self.open.get_mut(&slot.token) {
            open.messages[slot.at] = number;
        }
    }

    /// Takes the oldest ask that waits.
    pub(super) fn pop(&mut self) -> Option<WaitingAsk> {
        self.waiting.pop_front()
    }

    /// Answers `Expired` to asks that were not decided before their deadline.
    pub(super) fn expire(&mut self, now: Mono, sink: &mut Sink) {
        if self.waiting.iter().all(|waiting| waiting.deadline > now) {
            return;
        }
        let (late, kept): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|waiting| waiting.deadline <= now);
        self.waiting = kept;
        for waiting in late {
            self.complete(waiting.slot, Err(AskError::Expired), sink);
        }
    }

    /// Rejects all waiting asks with `NotLeader` and the known leader; false if none waited.
    pub(super) fn redirect(&mut self, hint: Option<u16>, sink: &mut Sink) -> bool {
        let any = !self.waiting.is_empty();
        for waiting in std::mem::take(&mut self.waiting) {
            self.complete(waiting.slot, Err(AskError::NotLeader { hint }), sink);
        }
        any
    }

    /// Asks that wait to be decided.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Bytes of the asks that wait to be decided.
    pub(super) fn waiting_bytes(&self) -> u64 {
        self.waiting.iter().map(|waiting| waiting.ask.bytes()).sum()
    }

    /// Whether every request is answered.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.open.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::{Address, ShardId};

    fn asks(count: usize) -> Vec<AskOne> {
        let to = Address { kind: "k".into(), key: "a".into() };
        vec![AskOne { to, verb: "v".into(), body: vec![1], key: None }; count]
    }

    #[test]
    fn a_request_is_answered_once_with_the_first_outcome_of_each_ask() {
        let (mut asked, mut sink) = (Asks::new(4), Sink::new(ShardId(1), 0));
        let token = asked.open(asks(2), 10, 0, &mut sink);
        let slot = |at| Slot { token, at };
        asked.complete(slot(1), Ok(vec![2]), &mut sink);
        asked.complete(slot(1), Ok(vec![9]), &mut sink);
        assert!(sink.out.answers.is_empty(), "one outcome is missing");
        asked.complete(slot(0), Ok(vec![1]), &mut sink);
        asked.complete(slot(0), Ok(vec![9]), &mut sink);
        assert_eq!(sink.out.answers, [(token, vec![Ok(vec![1]), Ok(vec![2])])]);
        let empty = asked.open(Vec::new(), 10, 0, &mut sink);
        assert_eq!(sink.out.answers[1], (empty, Vec::new()));
    }

    #[test]
    fn only_late_asks_expire_and_all_waiting_asks_are_redirected() {
        let (mut asked, mut sink) = (Asks::new(4), Sink::new(ShardId(1), 0));
        let late = asked.open(asks(1), 10, 0, &mut sink);
        let early = asked.open(asks(1), 20, 0, &mut sink);
        asked.expire(10, &mut sink);
        assert_eq!(sink.out.answers, [(late, vec![Err(AskError::Expired)])]);
        assert!(asked.redirect(Some(3), &mut sink) && !asked.redirect(Some(3), &mut sink));
        assert_eq!(sink.out.answers[1], (early, vec![Err(AskError::NotLeader { hint: Some(3) })]));
        assert!(asked.is_idle());
    }
}
