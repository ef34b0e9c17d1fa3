//! Asks that become part of a leader's draft.

use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use super::asks::{Slot, WaitingAsk};
use super::draft::Drafting;
use super::entry::Answer;
use super::reads::HeldRead;
use super::recent::Caller;
use crate::address::Address;
use crate::entity::{Action, Ask, Decided, KindSpec, Run};
use crate::error::AskError;
use crate::planted::Bug;
use crate::transport::{AskOne, Outcome};

/// When a client that met a full queue should come back.
pub(super) const RETRY_AFTER: Duration = Duration::from_millis(50);

impl Drafting<'_> {
    /// Decides the asks that wait, as far as the entry has room. `full` names the queue at its bound, if any: commands are
    /// rejected with it, queries are answered.
    pub(super) fn take_asks(&mut self, full: Option<&'static str>) {
        while self.has_room() {
            let Some(waiting) = self.asks.pop() else { break };
            if waiting.deadline <= self.draft.now {
                self.complete(waiting.slot, Err(AskError::Expired));
                continue;
            }
            self.take_ask(waiting, full);
        }
    }

    fn complete(&mut self, slot: Slot, outcome: Outcome) {
        self.asks.complete(slot, outcome, self.sink);
    }

    fn take_ask(&mut self, waiting: WaitingAsk, full: Option<&'static str>) {
        let WaitingAsk { slot, ask, .. } = waiting;
        let registry = self.entities.registry.clone();
        let found = registry.get(&ask.to.kind).map(|kind| (kind, kind.verbs.get(ask.verb.as_str())));
        let (kind, verb) = match found {
            Some((kind, Some(verb))) => (kind, verb),
            Some((_, None)) => {
                let error = AskError::UnknownVerb { kind: ask.to.kind, verb: ask.verb };
                return self.complete(slot, Err(error));
            }
            None => return self.complete(slot, Err(AskError::UnknownKind(ask.to.kind))),
        };
        if self.entities.faults.state(&ask.to, kind.faults, self.draft.now).1 {
            let why = format!("{} is quarantined after {} faults", ask.to, kind.faults.faults_max);
            return self.complete(slot, Err(AskError::Fault(why)));
        }
        match (verb.action, full) {
            (Action::Query(query), _) => self.take_query(kind, verb.name, query, slot, &ask),
            (Action::Command(_), Some(queue)) => {
                self.complete(slot, Err(AskError::busy(queue, RETRY_AFTER)));
            }
            (Action::Command(run), None) => self.take_command(kind, verb.name, run, slot, &ask),
        }
    }

    fn take_query(&mut self, kind: &KindSpec, name: &'static str, query: Ask, slot: Slot, ask: &AskOne) {
        self.entities.counters.queries += 1;
        let view = (&self.draft, &self.tail);
        let (outcome, wait) = self.entities.answer(kind, &ask.to, (query, &ask.body), view, self.sink);
        let error = outcome.as_ref().err();
        let number = self.asks.recent.remember(&ask.to, name, Caller::Client, 0, error, self.draft.batch.now);
        self.asks.set_message(slot, number);
        self.reads.hold(HeldRead { slot, outcome, wait, asked: self.draft.now });
    }

    fn take_command(&mut self, kind: &KindSpec, name: &'static str, run: Run, slot: Slot, ask: &AskOne) {
        let key = ask.key.map(|key| (key, xxh3_64(&ask.body)));
        if let Some((key, asked)) = key
            && self.answer_again(key, asked, slot)
        {
            return;
        }
        self.entities.counters.commands += 1;
        self.draft.commands += 1;
        let view = (&self.draft, &self.tail);
        let decided = self.entities.run(kind, &ask.to, (run, &ask.body), view, self.sink);
        let events = decided.as_ref().map_or(0, |decided| decided.events.len());
        let error = match &decided {
            Err(error) => Some(error.clone()),
            Ok(decided) => decided.reply.as_ref().err().cloned().map(AskError::Refused),
        };
        let (error, at) = (error.as_ref(), self.draft.batch.now);
        let number = self.asks.recent.remember(&ask.to, name, Caller::Client, events, error, at);
        self.asks.set_message(slot, number);
        match decided {
            Ok(decided) => self.settle(kind, &ask.to, decided, key, slot),
            Err(error) => self.complete(slot, Err(error)),
        }
    }

    /// Puts a decision into the draft, or holds back an answer that changes nothing.
    fn settle(
        &mut self,
        kind: &KindSpec,
        to: &Address,
        decided: Decided,
        key: Option<(u128, u64)>,
        slot: Slot,
    ) {
        let Decided { events, effects, timers, reply } = decided;
        let reply = match reply {
            Ok(reply) if !events.is_empty() || !effects.is_empty() || !timers.is_empty() || key.is_some() => {
                reply
            }
            other => {
                // An answer from the state alone is a read: it may depend on entries still in flight.
                let wait = self.entities.cells.peek(to).map_or(0, |cell| cell.changed);
                let outcome = other.map_err(AskError::Refused);
                self.reads.hold(HeldRead { slot, outcome, wait, asked: self.draft.now });
                return;
            }
        };
        let answer = key.map(|(key, asked)| Answer { key, asked, reply: reply.clone() });
        self.draft.answers.push((slot, reply));
        self.change_timers(to, timers);
        self.write(kind, to.clone(), events, effects, answer);
    }

    /// Answers a key that was seen before: with the kept answer, or `KeyReused` for another body. False for a new key.
    fn answer_again(&mut self, key: u128, asked: u64, slot: Slot) -> bool {
        let mut drafted = self.draft.batch.items.iter().filter_map(|item| item.answer.as_ref());
        let (kept, index) = match (drafted.find(|kept| kept.key == key), self.entities.meta.answer(key)) {
            (Some(answer), _) => (answer, self.draft.index),
            (None, Some(kept)) => (&kept.answer, kept.index),
            (None, None) => return false,
        };
        if self.entities.config.planted.has(Bug::DedupeOff) {
            return false;
        }
        let outcome = if kept.asked == asked { Ok(kept.reply.clone()) } else { Err(AskError::KeyReused) };
        self.reads.hold(HeldRead { slot, outcome, wait: index, asked: self.draft.now });
        true
    }
}
