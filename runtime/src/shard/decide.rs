//! The leader's turn: asks and effects in, one entry out.

use std::panic::{AssertUnwindSafe, catch_unwind};

use xxhash_rust::xxh3::xxh3_64;

use super::entry::{Answer, Batch, Item};
use super::parts::{HeldRead, Inflight, WaitingAsk, shard_of};
use super::recent::Caller;
use super::replica::{Replica, seconds_of};
use crate::address::{Address, ShardId};
use crate::entity::{Action, Ask, Context, Decided, Effect, KindSpec, Placement, Run};
use crate::error::AskError;
use crate::planted::Bug;
use crate::replication::Mono;
use crate::time::Timestamp;
use crate::transport::EffectBatch;

/// Longest chain of effects within one shard that one ask may set off; what lies beyond is a dead letter.
const LOCAL_EFFECTS_MAX: usize = 10_000;
/// When a client that met a full queue should come back.
const RETRY_AFTER: std::time::Duration = std::time::Duration::from_millis(50);

/// The batch being decided.
struct Draft {
    batch: Batch,
    index: u64,
    bytes: usize,
    answers: Vec<(u64, usize, Vec<u8>)>,
    changed: Vec<(&'static str, String)>,
    commands: u32,
    now: Mono,
}

impl Replica {
    /// Decides what waits, as far as bounds allow; true when an entry was proposed or an ask was answered.
    pub(super) fn decide(&mut self, now: Mono, wall: Timestamp) -> bool {
        if self.waiting.is_empty() && self.waiting_effects.is_empty() && !self.acks_due(now) {
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
        let mut draft = Draft {
            batch: Batch { now: wall.max(self.ledger.now), ..Batch::default() },
            index: self.group.last() + 1,
            bytes: 0,
            answers: Vec::new(),
            changed: Vec::new(),
            commands: 0,
            now,
        };
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
        let full = self.ledger.outbox_len() >= self.config.outbox_effects_max as usize;
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

    fn take_ask(&mut self, waiting: WaitingAsk, draft: &mut Draft, outbox_full: bool) {
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
            Action::Command(_) if outbox_full => {
                self.complete(token, slot, Err(AskError::busy("outbox", RETRY_AFTER)));
            }
            Action::Command(run) => {
                let asked = xxh3_64(&ask.body);
                if let Some(key) = ask.key
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
                self.settle(kind, &ask.to, decided, ask.key.map(|key| (key, asked)), (token, slot), draft);
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
        let Decided { events, effects, reply } = match decided {
            Ok(decided) => decided,
            Err(error) => return self.complete(token, slot, Err(error)),
        };
        let reply = match reply {
            Ok(reply) if !events.is_empty() || !effects.is_empty() || key.is_some() => reply,
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
        self.write(kind, to.clone(), events, effects, answer, draft);
    }

    /// Adds an item, and runs its effects on this shard.
    fn write(
        &mut self,
        kind: &KindSpec,
        to: Address,
        events: Vec<Vec<u8>>,
        effects: Vec<Effect>,
        answer: Option<Answer>,
        draft: &mut Draft,
    ) {
        let mut local = self.push_item(kind, to, events, effects, answer, draft);
        let mut followed = 0;
        while let Some(effect) = local.pop() {
            followed += 1;
            if followed > LOCAL_EFFECTS_MAX {
                self.dead_letter(&effect, "the chain of effects is too long");
                break;
            }
            local.extend(self.run_effect(effect, Caller::Neighbour, draft));
        }
    }

    /// Adds an item and returns its effects on this shard, last first.
    fn push_item(
        &mut self,
        kind: &KindSpec,
        to: Address,
        events: Vec<Vec<u8>>,
        effects: Vec<Effect>,
        answer: Option<Answer>,
        draft: &mut Draft,
    ) -> Vec<Effect> {
        if !events.is_empty() {
            self.cells.touched(kind.name, &to.key, draft.index);
            if kind.placement == Placement::Control {
                draft.changed.push((kind.name, to.key.clone()));
            }
        }
        let here = self.group.shard();
        let (mut local, away): (Vec<_>, Vec<_>) =
            effects.into_iter().partition(|effect| self.shard_of(effect) == here);
        local.reverse();
        draft.bytes += events.iter().map(|event| event.len() + 4).sum::<usize>()
            + away.iter().map(|effect| effect.body.len() + 48).sum::<usize>()
            + to.key.len()
            + 16;
        draft.batch.items.push(Item { to, events, effects: away, answer });
        local
    }

    /// Runs one effect; returns the effects that it has on this shard in turn.
    fn run_effect(&mut self, effect: Effect, caller: Caller, draft: &mut Draft) -> Vec<Effect> {
        let registry = self.registry.clone();
        let Some(kind) = registry.get(&effect.to.kind) else {
            self.dead_letter(&effect, "unknown kind");
            return Vec::new();
        };
        let Some((name, Action::Command(run))) =
            kind.verbs.get(effect.verb.as_str()).map(|verb| (verb.name, verb.action))
        else {
            self.dead_letter(&effect, "no such command");
            return Vec::new();
        };
        draft.commands += 1;
        self.counters.commands += 1;
        let given_up = self.faults.state(&effect.to, kind.faults, draft.now).1;
        let decided = if given_up {
            Err(AskError::Fault("given up".to_owned()))
        } else {
            self.run(kind, &effect.to, run, &effect.body, draft)
        };
        match decided {
            Ok(Decided { events, effects, reply: Ok(_) }) => {
                self.remember(&effect.to, name, caller, events.len(), None, draft.batch.now);
                self.push_item(kind, effect.to, events, effects, None, draft)
            }
            Ok(Decided { reply: Err(refused), .. }) => {
                let error = AskError::Refused(refused);
                self.remember(&effect.to, name, caller, 0, Some(&error), draft.batch.now);
                self.dead_letter(&effect, &error.to_string());
                Vec::new()
            }
            Err(error) => {
                self.remember(&effect.to, name, caller, 0, Some(&error), draft.batch.now);
                self.dead_letter(&effect, &error.to_string());
                Vec::new()
            }
        }
    }

    fn take_effects(&mut self, draft: &mut Draft) {
        while draft.commands < self.config.batch_commands_max
            && draft.bytes < self.config.batch_bytes_max as usize
        {
            let Some(EffectBatch { from, first, effects, .. }) = self.waiting_effects.pop_front() else {
                break;
            };
            let drafted =
                draft.batch.taken.iter().rev().find(|(shard, _)| *shard == from).map(|(_, seq)| *seq);
            let have = drafted.unwrap_or_else(|| self.ledger.taken.get(&from).copied().unwrap_or(0));
            if first > have + 1 {
                // A gap: the sender will send again from what was acknowledged.
                continue;
            }
            let last = first + effects.len() as u64 - 1;
            if last <= have {
                if self.inflight.is_empty() && drafted.is_none() {
                    self.out.taken.push((from, have));
                }
                continue;
            }
            let skip = usize::try_from(have + 1 - first).unwrap_or(usize::MAX);
            for (_, effect) in effects.into_iter().skip(skip) {
                let mut local = self.run_effect(effect, Caller::Shard(from.0), draft);
                let mut followed = 0;
                while let Some(next) = local.pop() {
                    followed += 1;
                    if followed > LOCAL_EFFECTS_MAX {
                        self.dead_letter(&next, "the chain of effects is too long");
                        break;
                    }
                    local.extend(self.run_effect(next, Caller::Neighbour, draft));
                }
            }
            draft.batch.taken.retain(|(shard, _)| *shard != from);
            draft.batch.taken.push((from, last));
        }
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

    /// Runs a command on its entity; a panic ends the incarnation, and its state is folded anew.
    fn run(
        &mut self,
        kind: &KindSpec,
        to: &Address,
        run: Run,
        body: &[u8],
        draft: &Draft,
    ) -> Result<Decided, AskError> {
        let seed = self.next_seed();
        let cell = self
            .cells
            .activate(kind, &to.key, seconds_of(draft.now))
            .map_err(|error| AskError::Fault(format!("{to} cannot be activated: {error}")))?;
        let ctx = Context { now: draft.batch.now, seed, key: &to.key, globals: &self.globals };
        match catch_unwind(AssertUnwindSafe(|| run(cell.cell.as_mut(), body, &ctx))) {
            Ok(Ok(decided)) => Ok(decided),
            Ok(Err(body)) => Err(AskError::BadBody(body.to_string())),
            Err(panic) => Err(self.fault(kind, to, &panic, Some(draft))),
        }
    }

    /// Answers a query; with the entry that the answer depends on.
    fn answer(
        &mut self,
        kind: &KindSpec,
        to: &Address,
        query: Ask,
        body: &[u8],
        draft: &Draft,
    ) -> (crate::transport::Outcome, u64) {
        let seed = self.next_seed();
        let ctx = Context { now: draft.batch.now, seed, key: &to.key, globals: &self.globals };
        let looked = match self.cells.look(kind, &to.key, seconds_of(draft.now)) {
            Ok(looked) => looked,
            Err(error) => return (Err(AskError::Fault(format!("{to} cannot be activated: {error}"))), 0),
        };
        let (cell, changed): (&dyn crate::entity::Cell, u64) = match &looked {
            Ok(resident) => (resident.cell.as_ref(), resident.changed),
            Err(blank) => (blank.as_ref(), 0),
        };
        match catch_unwind(AssertUnwindSafe(|| query(cell, body, &ctx))) {
            Ok(Ok(answered)) => (answered.map_err(AskError::Refused), changed),
            Ok(Err(body)) => (Err(AskError::BadBody(body.to_string())), 0),
            Err(panic) => {
                drop(looked);
                (Err(self.fault(kind, to, &panic, Some(draft))), 0)
            }
        }
    }

    /// Ends an incarnation. The next message finds the state folded anew from checkpoint, log and draft.
    fn fault(
        &mut self,
        kind: &KindSpec,
        to: &Address,
        panic: &Box<dyn std::any::Any + Send>,
        draft: Option<&Draft>,
    ) -> AskError {
        let why = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without a message".to_owned());
        let now = draft.map_or(0, |draft| draft.now);
        let given_up = self.faults.count(to, kind.faults, now);
        self.cells.evict(kind.name, &to.key);
        let drafted: &[Item] = draft.map_or(&[], |draft| &draft.batch.items);
        let index = draft.map_or(0, |draft| draft.index);
        if let Err(error) = self.refold(kind, to, drafted, index) {
            self.broken = Some(format!("{to} cannot be folded anew: {error}"));
        }
        let change = if given_up { "given_up" } else { "fault" };
        self.out.notes.push(super::output::Note { subject: to.to_string(), change, reason: why.clone() });
        AskError::Fault(why)
    }

    pub(super) fn dead_letter(&mut self, effect: &Effect, why: &str) {
        self.counters.dead_letters += 1;
        // One line for each power of two: a storm of dead letters must not become a storm of notes.
        if self.counters.dead_letters.is_power_of_two() {
            let reason =
                format!("{} to {}: {why} ({} so far)", effect.verb, effect.to, self.counters.dead_letters);
            self.note("dead_letter", reason);
        }
    }

    pub(super) fn shard_of(&self, effect: &Effect) -> ShardId {
        shard_of(&self.registry, self.shards, &effect.to)
    }

    fn next_seed(&mut self) -> u64 {
        // splitmix64 (Steele, Lea, Flood 2014): cheap, and any start will do.
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
