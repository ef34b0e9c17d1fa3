//! The leader's turn: asks and effects in, one entry out.

use xxhash_rust::xxh3::xxh3_64;

use super::entry::{Answer, Batch};
use super::parts::{HeldRead, Inflight, WaitingAsk};
use super::recent::Caller;
use super::replica::Replica;
use crate::address::{Address, ShardId};
use crate::entity::{Action, Decided, KindSpec};
use crate::error::AskError;
use crate::planted::Bug;
use crate::replication::Mono;
use crate::time::Timestamp;

/// Log bytes behind the last checkpoint, in those that ask for the next, beyond which nothing more is decided.
const LOG_CHECKPOINTS_MAX: u64 = 8;
/// When a client that met a full queue should come back.
const RETRY_AFTER: std::time::Duration = std::time::Duration::from_millis(50);

/// The batch being decided.
pub(super) struct Draft {
    pub(super) batch: Batch,
    pub(super) index: u64,
    pub(super) bytes: usize,
    pub(super) answers: Vec<(u64, usize, Vec<u8>)>,
    pub(super) changed: Vec<(&'static str, String)>,
    pub(super) commands: u32,
    pub(super) now: Mono,
}

impl Draft {
    /// An empty one for the entry at `index`, stamped `stamp`, at `now` on the shell's clock.
    pub(super) fn new(index: u64, stamp: Timestamp, now: Mono) -> Self {
        Self {
            batch: Batch { now: stamp, ..Batch::default() },
            index,
            bytes: 0,
            answers: Vec::new(),
            changed: Vec::new(),
            commands: 0,
            now,
        }
    }
}

impl Replica {
    /// Decides what waits, as far as bounds allow; true when an entry was proposed or an ask was answered.
    pub(super) fn decide(&mut self, now: Mono, wall: Timestamp) -> bool {
        let idle = self.waiting.is_empty() && self.waiting_effects.is_empty();
        if idle && !self.acks_due(now) && !self.timers_due(now, wall) {
            return false;
        }
        if self.leading.is_none() {
            return self.turn_away();
        }
        if !self.decides() || !self.group.may_propose() || self.broken.is_some() {
            return false;
        }
        // A checkpoint needs a moment without speculation; it is taken as soon as the entries in flight are committed.
        if self.checkpoint_wanted && !self.inflight.is_empty() {
            return false;
        }
        let inflight_max =
            if self.group.shard() == ShardId::CONTROL { 1 } else { self.config.inflight_entries_max };
        if self.inflight.len() >= usize::from(inflight_max) {
            return false;
        }
        let mut draft = Draft::new(self.group.last() + 1, wall.max(self.ledger.now), now);
        self.take_timers(&mut draft);
        self.take_effects(&mut draft);
        self.take_asks(&mut draft);
        draft.batch.acked = self.take_acks();
        if draft.batch.is_empty() {
            return true;
        }
        self.propose(draft);
        true
    }

    /// Not the leader: whoever asked may try where the hint points.
    fn turn_away(&mut self) -> bool {
        let hint = self.leader().map(|node| node.0);
        let turned = !self.waiting.is_empty();
        for waiting in std::mem::take(&mut self.waiting) {
            self.complete(waiting.token, waiting.slot, Err(AskError::NotLeader { hint }));
        }
        turned
    }

    fn propose(&mut self, draft: Draft) {
        let Draft { batch, index, answers, changed, .. } = draft;
        match self.group.propose(batch.to_bytes()) {
            Ok(at) => {
                assert_eq!(at, index, "an entry goes where it was decided to go");
                let taken = batch.taken.clone();
                let term = self.group.term();
                self.fold_ledger(index, batch);
                if self.config.planted.has(Bug::ReplyBeforeCommit) {
                    for (token, slot, reply) in &answers {
                        self.complete(*token, *slot, Ok(reply.clone()));
                    }
                }
                self.inflight.push_back(Inflight { index, term, answers, taken, changed });
            }
            Err(error) => {
                // The state has moved ahead of a log that did not: back to what is committed.
                for (token, slot, _) in answers {
                    self.complete(token, slot, Err(AskError::busy("replication", RETRY_AFTER)));
                }
                if let Err(worse) = self.rebuild() {
                    self.broken = Some(format!("{worse} (after: {error})"));
                }
            }
        }
    }

    fn take_asks(&mut self, draft: &mut Draft) {
        let full = if self.ledger.outbox_len() >= self.config.outbox_effects_max as usize {
            Some("outbox")
        } else {
            // Only checkpoints that fail let it grow so far, and then it must not grow for ever.
            let log_max = self.config.checkpoint_log_bytes.saturating_mul(LOG_CHECKPOINTS_MAX);
            (self.group.log().bytes() as u64 > log_max && self.checkpoint_failures > 0).then_some("log")
        };
        while draft.commands < self.config.batch_commands_max
            && draft.bytes < self.config.batch_bytes_max as usize
        {
            let Some(waiting) = self.waiting.pop_front() else { break };
            if waiting.deadline <= draft.now {
                self.complete(waiting.token, waiting.slot, Err(AskError::Expired));
                continue;
            }
            self.take_ask(waiting, draft, full);
        }
    }

    fn take_ask(&mut self, waiting: WaitingAsk, draft: &mut Draft, full: Option<&'static str>) {
        let WaitingAsk { token, slot, ask, .. } = waiting;
        let registry = self.registry.clone();
        let found = registry.get(&ask.to.kind).map(|kind| (kind, kind.verbs.get(ask.verb.as_str())));
        let (kind, verb) = match found {
            Some((kind, Some(verb))) => (kind, verb),
            Some((_, None)) => {
                let error = AskError::UnknownVerb { kind: ask.to.kind, verb: ask.verb };
                return self.complete(token, slot, Err(error));
            }
            None => return self.complete(token, slot, Err(AskError::UnknownKind(ask.to.kind))),
        };
        if self.faults.state(&ask.to, kind.faults, draft.now).1 {
            let why = format!("{} was given up after {} faults", ask.to, kind.faults.faults_max);
            return self.complete(token, slot, Err(AskError::Fault(why)));
        }
        match verb.action {
            Action::Query(query) => {
                self.counters.queries += 1;
                let (outcome, wait) = self.answer(kind, &ask.to, query, &ask.body, draft);
                let error = outcome.as_ref().err();
                let number = self.remember(&ask.to, verb.name, Caller::Client, 0, error, draft.batch.now);
                self.note_number(token, slot, number);
                self.reads.push(HeldRead { token, slot, outcome, wait, asked: draft.now });
            }
            Action::Command(_) if full.is_some() => {
                self.complete(token, slot, Err(AskError::busy(full.unwrap_or_default(), RETRY_AFTER)));
            }
            Action::Command(run) => {
                let key = ask.key.map(|key| (key, xxh3_64(&ask.body)));
                if let Some((key, asked)) = key
                    && self.answer_again(key, asked, token, slot, draft)
                {
                    return;
                }
                self.counters.commands += 1;
                draft.commands += 1;
                let decided = self.run(kind, &ask.to, run, &ask.body, draft);
                let events = decided.as_ref().map_or(0, |decided| decided.events.len());
                let error = match &decided {
                    Err(error) => Some(error.clone()),
                    Ok(decided) => decided.reply.as_ref().err().cloned().map(AskError::Refused),
                };
                let number = self.remember(
                    &ask.to,
                    verb.name,
                    Caller::Client,
                    events,
                    error.as_ref(),
                    draft.batch.now,
                );
                self.note_number(token, slot, number);
                self.settle(kind, &ask.to, decided, key, (token, slot), draft);
            }
        }
    }

    /// Puts a decision into the draft, or holds back an answer that changes nothing.
    fn settle(
        &mut self,
        kind: &KindSpec,
        to: &Address,
        decided: Result<Decided, AskError>,
        key: Option<(u128, u64)>,
        (token, slot): (u64, usize),
        draft: &mut Draft,
    ) {
        let Decided { events, effects, timers, reply } = match decided {
            Ok(decided) => decided,
            Err(error) => return self.complete(token, slot, Err(error)),
        };
        let reply = match reply {
            Ok(reply) if !events.is_empty() || !effects.is_empty() || !timers.is_empty() || key.is_some() => {
                reply
            }
            other => {
                // An answer that rests on the state alone is a read: it may depend on entries still in flight.
                let wait = self.cells.peek(to).map_or(0, |cell| cell.changed);
                let outcome = other.map_err(AskError::Refused);
                self.reads.push(HeldRead { token, slot, outcome, wait, asked: draft.now });
                return;
            }
        };
        let answer = key.map(|(key, asked)| Answer { key, asked, reply: reply.clone() });
        draft.answers.push((token, slot, reply));
        self.change_timers(to, timers, draft);
        self.write(kind, to.clone(), events, effects, answer, draft);
    }

    /// A key seen before: the kept answer, or that it was used for something else. False when the key is new.
    fn answer_again(&mut self, key: u128, asked: u64, token: u64, slot: usize, draft: &Draft) -> bool {
        let drafted =
            draft.batch.items.iter().filter_map(|item| item.answer.as_ref()).find(|kept| kept.key == key);
        let (kept, index) = match (drafted, self.ledger.answer(key)) {
            (Some(answer), _) => (answer, draft.index),
            (None, Some(kept)) => (&kept.answer, kept.index),
            (None, None) => return false,
        };
        if self.config.planted.has(Bug::DedupeOff) {
            return false;
        }
        let outcome = if kept.asked == asked { Ok(kept.reply.clone()) } else { Err(AskError::KeyReused) };
        self.reads.push(HeldRead { token, slot, outcome, wait: index, asked: draft.now });
        true
    }
}
