//! One message run on its entity, with whatever it does kept inside.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::decide::Draft;
use super::entry::Item;
use super::parts::shard_of;
use super::replica::{Replica, seconds_of};
use crate::address::{Address, ShardId};
use crate::entity::{Ask, Context, Decided, Effect, KindSpec, Run, Timers};
use crate::error::{AskError, Refused};

/// Bytes of one decision, and of the entry that it would make with what is in it already. An entry that fits no envelope
/// reaches no follower, and its leader would go on leading a group that commits nothing more.
const DECISION_BYTES_MAX: usize = 6 << 20;
const ENTRY_BYTES_MAX: usize = 7 << 20;

impl Replica {
    /// Runs a command on its entity; a panic ends the incarnation, and its state is folded anew.
    pub(super) fn run(
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
        let table = &self.ledger.timers;
        let timers = Timers {
            set: table.of(to),
            of_entity_max: self.config.timers_of_entity_max as usize,
            left_in_shard: (self.config.timers_max as usize).saturating_sub(table.len()),
        };
        let ctx = Context { now: draft.batch.now, seed, key: &to.key, globals: &self.globals, timers };
        match catch_unwind(AssertUnwindSafe(|| run(cell.cell.as_mut(), body, &ctx))) {
            Ok(Ok(decided)) => {
                let bytes = bytes_of(&decided);
                if bytes <= DECISION_BYTES_MAX && draft.bytes + bytes <= ENTRY_BYTES_MAX {
                    return Ok(decided);
                }
                // Its events are folded into the state already.
                self.begin_anew(kind, to, Some(draft));
                let why = format!(
                    "what it comes to takes {bytes} bytes, and an entry of the log has no room for that"
                );
                let reply = Err(Refused::new("TOO_LARGE", why));
                Ok(Decided { events: Vec::new(), effects: Vec::new(), timers: Vec::new(), reply })
            }
            Ok(Err(body)) => Err(AskError::BadBody(body.to_string())),
            Err(panic) => Err(self.fault(kind, to, &panic, Some(draft))),
        }
    }

    /// Answers a query; with the entry that the answer depends on.
    pub(super) fn answer(
        &mut self,
        kind: &KindSpec,
        to: &Address,
        query: Ask,
        body: &[u8],
        draft: &Draft,
    ) -> (crate::transport::Outcome, u64) {
        let seed = self.next_seed();
        let timers = Timers { set: self.ledger.timers.of(to), ..Timers::default() };
        let ctx = Context { now: draft.batch.now, seed, key: &to.key, globals: &self.globals, timers };
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
        self.begin_anew(kind, to, draft);
        let change = if given_up { "given_up" } else { "fault" };
        self.out.notes.push(super::output::Note { subject: to.to_string(), change, reason: why.clone() });
        AskError::Fault(why)
    }

    /// Folds an entity's state anew from checkpoint, log and draft.
    fn begin_anew(&mut self, kind: &KindSpec, to: &Address, draft: Option<&Draft>) {
        self.cells.evict(kind.name, &to.key);
        let drafted: &[Item] = draft.map_or(&[], |draft| &draft.batch.items);
        let index = draft.map_or(0, |draft| draft.index);
        if let Err(error) = self.refold(kind, to, drafted, index) {
            self.broken = Some(format!("{to} cannot be folded anew: {error}"));
        }
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

    pub(super) fn next_seed(&mut self) -> u64 {
        // splitmix64 (Steele, Lea, Flood 2014): cheap, and any start will do.
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// About as many bytes as a decision takes in an entry.
fn bytes_of(decided: &Decided) -> usize {
    let Decided { events, effects, timers, reply } = decided;
    let timers = timers.iter().filter_map(|(_, timer)| timer.as_ref());
    events.iter().map(Vec::len).sum::<usize>()
        + effects.iter().map(|effect| effect.body.len() + effect.to.key.len()).sum::<usize>()
        + timers.map(|timer| timer.body.len()).sum::<usize>()
        + reply.as_ref().map_or(0, Vec::len)
}
