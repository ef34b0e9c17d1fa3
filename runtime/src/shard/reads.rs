//! When a read may be answered: at the leader once its lead is proven, elsewhere once the state is young enough.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use super::decide::Draft;
use super::recent::Caller;
use super::replica::{Replica, seconds_of};
use crate::address::Address;
use crate::entity::{Action, Context, KindSpec, Timers, VerbSpec};
use crate::error::AskError;
use crate::planted::Bug;
use crate::replication::{Lease, Mono};
use crate::time::Timestamp;
use crate::transport::Outcome;

/// A read at a replica that need not lead.
#[derive(Debug)]
pub struct NearAsk {
    /// Of whom.
    pub to: Address,
    /// What.
    pub verb: String,
    /// The query, encoded.
    pub body: Vec<u8>,
    /// When it was asked, by the shell's clock.
    pub asked: Mono,
    /// How old the state may be then, in microseconds.
    pub age_max: Mono,
    /// Until when.
    pub deadline: Mono,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Result<NearAnswer, AskError>>,
}

/// The answer, and how old the state was that gave it, when it was asked for: it holds everything that had been
/// acknowledged by then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearAnswer {
    /// The answer's bytes, or a refusal.
    pub outcome: Outcome,
    /// Microseconds.
    pub age: Mono,
}

/// What a replica knows of its own age, and the reads that wait for it to be younger.
pub(super) struct Near {
    /// Rounds asked of the leader, by this replica's own clock.
    rounds: Lease,
    /// Commit indices that the leader named, and when they had been asked for.
    named: VecDeque<(u64, Mono)>,
    /// Everything acknowledged before this time is applied.
    fresh: Option<Mono>,
    waiting: Vec<NearAsk>,
}

impl Near {
    /// The first round has another name after each start: an answer to one of an earlier life, which may come late, is not
    /// taken for an answer to a later question.
    pub(super) fn new(round_length: Mono, first: u64) -> Self {
        let rounds = Lease::beginning_at(round_length, first);
        Self { rounds, named: VecDeque::new(), fresh: None, waiting: Vec::new() }
    }

    /// The leader's commit index was at least this when the round began.
    pub(super) fn named(&mut self, round: u64, index: u64) {
        if let Some(started) = self.rounds.confirm(round) {
            self.named.push_back((index, started));
        }
    }

    fn settle(&mut self, applied: u64) {
        while let Some((index, started)) = self.named.front().copied()
            && index <= applied
        {
            self.named.pop_front();
            self.fresh = self.fresh.max(Some(started));
        }
    }

    pub(super) const fn is_asked(&self) -> bool {
        !self.waiting.is_empty()
    }
}

impl Replica {
    /// Asks a majority whether we still lead, when an answer needs that or soon will.
    pub(super) fn renew_lease(&mut self, now: Mono) {
        if self.reads.is_empty() || !self.decides() || !self.group.may_propose() {
            return;
        }
        let proven = self.lease.holds(now) && !self.handed() && !self.lease.ageing(now);
        if proven || (self.lease.asking() && !self.lease.stale(now)) {
            return;
        }
        if let Some(round) = self.lease.start(now) {
            self.group.round(round);
        }
    }

    /// Releases answers whose entries are committed and whose leadership is proven.
    pub(super) fn release_reads(&mut self, now: Mono) {
        if self.reads.is_empty() || !self.decides() {
            return;
        }
        let holds = self.lease_holds(now) && self.group.may_propose();
        let (applied, confirmed) = (self.applied, self.confirmed);
        let (free, held): (Vec<_>, Vec<_>) = std::mem::take(&mut self.reads)
            .into_iter()
            .partition(|read| read.wait <= applied && (holds || confirmed >= read.asked));
        self.reads = held;
        for read in free {
            self.complete(read.token, read.slot, read.outcome);
        }
    }

    /// Whether nobody else can lead.
    fn lease_holds(&self, now: Mono) -> bool {
        self.lease.holds(now) && !self.handed() || self.config.planted.has(Bug::LeaseUnchecked)
    }

    /// Whether somebody may stand for election without regard to a lease.
    fn handed(&self) -> bool {
        self.leading.as_ref().is_some_and(|leading| leading.handed)
    }

    /// Answers a query where it is asked, without the shard's turn: only when nothing waits, the entity is resident with
    /// nothing in flight, and the lease holds and is not about to end (who comes next by the mailbox renews it).
    pub fn answer_here(
        &mut self,
        to: &Address,
        (kind, verb): (&KindSpec, &VerbSpec),
        body: &[u8],
        now: Mono,
        wall: Timestamp,
    ) -> Option<Outcome> {
        let Action::Query(query) = verb.action else { return None };
        // Half of it is enough to know, and the rest is for the way of who asks next.
        let ageing = self.lease.ageing(now) && !self.config.planted.has(Bug::LeaseUnchecked);
        let proven = self.decides() && self.lease_holds(now) && !ageing;
        if !proven || !self.group.may_propose() || self.broken.is_some() || !self.waiting.is_empty() {
            return None;
        }
        if self.faults.state(to, kind.faults, now).1 {
            return None;
        }
        let seed = self.next_seed();
        let cell = self.cells.used(to, seconds_of(now)).filter(|cell| cell.changed <= self.applied)?;
        let timers = Timers { set: self.ledger.timers.of(to), ..Timers::default() };
        let ctx =
            Context { now: wall.max(self.ledger.now), seed, key: &to.key, globals: &self.globals, timers };
        // A body that does not decode and a panic are for the shard's turn, which names and counts them.
        let answered = catch_unwind(AssertUnwindSafe(|| query(cell.cell.as_ref(), body, &ctx))).ok()?.ok()?;
        let outcome = answered.map_err(AskError::Refused);
        self.counters.queries += 1;
        self.remember(to, verb.name, Caller::Client, 0, outcome.as_ref().err(), wall);
        Some(outcome)
    }

    /// Takes a read that this replica may answer from a state of some age.
    pub fn ask_near(&mut self, ask: NearAsk) {
        if self.near.waiting.len() >= self.config.mailbox_asks_max as usize {
            // A caller that gave up is no error, here and below.
            let _ = ask.reply.send(Err(AskError::busy("near reads", std::time::Duration::from_millis(50))));
            return;
        }
        self.near.waiting.push(ask);
    }

    /// Answers near reads that the state is young enough for; asks the leader where it stands for the others.
    pub(super) fn answer_near(&mut self, now: Mono, wall: Timestamp) {
        if self.near.waiting.is_empty() {
            return;
        }
        self.near.settle(self.applied);
        let fresh = self.near.fresh;
        let age_of = |ask: &NearAsk| fresh.map(|fresh| ask.asked.saturating_sub(fresh));
        for ask in std::mem::take(&mut self.near.waiting) {
            if self.leading.is_some() {
                let hint = Some(self.group.id().node().0);
                let _ = ask.reply.send(Err(AskError::NotLeader { hint }));
            } else if ask.deadline <= now {
                let _ = ask.reply.send(Err(AskError::Expired));
            } else if let Some(age) = age_of(&ask).filter(|age| *age <= ask.age_max) {
                let outcome = self.look_up(&ask.to, &ask.verb, &ask.body, now, wall);
                let _ = ask.reply.send(Ok(NearAnswer { outcome, age }));
            } else {
                self.near.waiting.push(ask);
            }
        }
        let asked = self.near.rounds.asking() && !self.near.rounds.stale(now);
        if self.near.is_asked()
            && !asked
            && self.near.named.is_empty()
            && let Some(round) = self.near.rounds.start(now)
        {
            self.group.ask_index(round);
        }
    }

    fn look_up(&mut self, to: &Address, verb: &str, body: &[u8], now: Mono, wall: Timestamp) -> Outcome {
        let registry = self.registry.clone();
        let kind = registry.get(&to.kind).ok_or_else(|| AskError::UnknownKind(to.kind.clone()))?;
        let Some((name, Action::Query(query))) = kind.verbs.get(verb).map(|verb| (verb.name, verb.action))
        else {
            return Err(AskError::UnknownVerb { kind: to.kind.clone(), verb: verb.to_owned() });
        };
        self.counters.queries += 1;
        let draft = Draft::new(self.group.last() + 1, wall.max(self.ledger.now), now);
        let (outcome, _) = self.answer(kind, to, query, body, &draft);
        self.remember(to, name, Caller::Client, 0, outcome.as_ref().err(), wall);
        outcome
    }
}
