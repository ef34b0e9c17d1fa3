//! Runs one message on its entity. A panic stays inside: it ends the entity's incarnation, not the replica.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::draft::Draft;
use super::entities::{Entities, Tail, seconds_of};
use super::recent::{Caller, Recent};
use super::sink::Sink;
use crate::address::Address;
use crate::entity::{Action, Ask, Cell, Context, Decided, KindSpec, Run, Timers, VerbSpec};
use crate::error::{AskError, Refused};
use crate::replication::Mono;
use crate::time::Timestamp;
use crate::transport::Outcome;

/// Bytes of one decision.
const DECISION_BYTES_MAX: usize = 6 << 20;
/// Bytes of an entry with one more decision. An entry above the transport's frame limit reaches no follower, and its
/// leader would keep leading a group that commits nothing.
const ENTRY_BYTES_MAX: usize = 7 << 20;

impl Entities {
    /// Runs a command on its entity. A panic ends the incarnation, and the state is rebuilt.
    pub(super) fn run(
        &mut self,
        kind: &KindSpec,
        to: &Address,
        (run, body): (Run, &[u8]),
        (draft, tail): (&Draft, &Tail<'_>),
        sink: &mut Sink,
    ) -> Result<Decided, AskError> {
        let seed = self.next_seed();
        let cell = self
            .cells
            .activate(kind, &to.key, seconds_of(draft.now))
            .map_err(|error| AskError::Fault(format!("{to} cannot be activated: {error}")))?;
        let table = &self.meta.timers;
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
                self.begin_again(kind, to, (draft, tail), sink);
                let why =
                    format!("the decision takes {bytes} bytes, which an entry of the log has no room for");
                let reply = Err(Refused::new("TOO_LARGE", why));
                Ok(Decided { events: Vec::new(), effects: Vec::new(), timers: Vec::new(), reply })
            }
            Ok(Err(body)) => Err(AskError::BadBody(body.to_string())),
            Err(panic) => Err(self.fault(kind, to, panic.as_ref(), (draft, tail), sink)),
        }
    }

    /// Answers a query. Also returns the entry that the answer depends on.
    pub(super) fn answer(
        &mut self,
        kind: &KindSpec,
        to: &Address,
        (query, body): (Ask, &[u8]),
        (draft, tail): (&Draft, &Tail<'_>),
        sink: &mut Sink,
    ) -> (Outcome, u64) {
        let seed = self.next_seed();
        let timers = Timers { set: self.meta.timers.of(to), ..Timers::default() };
        let ctx = Context { now: draft.batch.now, seed, key: &to.key, globals: &self.globals, timers };
        let read = match self.cells.read(kind, &to.key, seconds_of(draft.now)) {
            Ok(read) => read,
            Err(error) => return (Err(AskError::Fault(format!("{to} cannot be activated: {error}"))), 0),
        };
        let (cell, changed): (&dyn Cell, u64) = match &read {
            Ok(resident) => (resident.cell.as_ref(), resident.changed),
            Err(blank) => (blank.as_ref(), 0),
        };
        match catch_unwind(AssertUnwindSafe(|| query(cell, body, &ctx))) {
            Ok(Ok(answered)) => (answered.map_err(AskError::Refused), changed),
            Ok(Err(body)) => (Err(AskError::BadBody(body.to_string())), 0),
            Err(panic) => {
                drop(read);
                (Err(self.fault(kind, to, panic.as_ref(), (draft, tail), sink)), 0)
            }
        }
    }

    /// Answers a query of an entity that is resident and not changed after entry `applied`; `None` otherwise. A body
    /// that does not decode and a panic are `None` too: the shard's turn names and counts them.
    pub(super) fn answer_resident(
        &mut self,
        to: &Address,
        (kind, verb): (&KindSpec, &VerbSpec),
        body: &[u8],
        applied: u64,
        (now, wall): (Mono, Timestamp),
        recent: &mut Recent,
    ) -> Option<Outcome> {
        let Action::Query(query) = verb.action else { return None };
        if self.faults.state(to, kind.faults, now).1 {
            return None;
        }
        let seed = self.next_seed();
        let cell = self.cells.used(to, seconds_of(now)).filter(|cell| cell.changed <= applied)?;
        let timers = Timers { set: self.meta.timers.of(to), ..Timers::default() };
        let ctx =
            Context { now: wall.max(self.meta.now), seed, key: &to.key, globals: &self.globals, timers };
        let answered = catch_unwind(AssertUnwindSafe(|| query(cell.cell.as_ref(), body, &ctx))).ok()?.ok()?;
        let outcome = answered.map_err(AskError::Refused);
        self.counters.queries += 1;
        recent.remember(to, verb.name, Caller::Client, 0, outcome.as_ref().err(), wall);
        Some(outcome)
    }

    /// Answers a follower read from the state as it is applied.
    pub(super) fn look_up(
        &mut self,
        (to, verb, body): (&Address, &str, &[u8]),
        tail: &Tail<'_>,
        (now, wall): (Mono, Timestamp),
        recent: &mut Recent,
        sink: &mut Sink,
    ) -> Outcome {
        let registry = self.registry.clone();
        let kind = registry.get(&to.kind).ok_or_else(|| AskError::UnknownKind(to.kind.clone()))?;
        let Some((name, Action::Query(query))) = kind.verbs.get(verb).map(|verb| (verb.name, verb.action))
        else {
            return Err(AskError::UnknownVerb { kind: to.kind.clone(), verb: verb.to_owned() });
        };
        self.counters.queries += 1;
        let draft = Draft::new(tail.next_index(), wall.max(self.meta.now), now);
        let (outcome, _) = self.answer(kind, to, (query, body), (&draft, tail), sink);
        recent.remember(to, name, Caller::Client, 0, outcome.as_ref().err(), wall);
        outcome
    }

    /// Counts a panic and ends the incarnation. The next message meets the state rebuilt from checkpoint, log and
    /// draft.
    fn fault(
        &mut self,
        kind: &KindSpec,
        to: &Address,
        panic: &(dyn Any + Send),
        (draft, tail): (&Draft, &Tail<'_>),
        sink: &mut Sink,
    ) -> AskError {
        let why = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without a message".to_owned());
        let quarantined = self.faults.count(to, kind.faults, draft.now);
        self.begin_again(kind, to, (draft, tail), sink);
        // The stored name of the change, from before the state was called quarantine.
        let change = if quarantined { "given_up" } else { "fault" };
        sink.note_entity(to, change, why.clone());
        AskError::Fault(why)
    }

    /// Rebuilds an entity's state from checkpoint, log and draft.
    fn begin_again(
        &mut self,
        kind: &KindSpec,
        to: &Address,
        (draft, tail): (&Draft, &Tail<'_>),
        sink: &mut Sink,
    ) {
        self.cells.evict(kind.name, &to.key);
        if let Err(error) = self.refold(kind, to, tail, &draft.batch.items, draft.index) {
            sink.fail(format!("{to} cannot be rebuilt from its log: {error}"));
        }
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

/// About as many bytes as a decision takes in an entry.
fn bytes_of(decided: &Decided) -> usize {
    let Decided { events, effects, timers, reply } = decided;
    let timers = timers.iter().filter_map(|(_, timer)| timer.as_ref());
    events.iter().map(Vec::len).sum::<usize>()
        + effects.iter().map(|effect| effect.body.len() + effect.to.key.len()).sum::<usize>()
        + timers.map(|timer| timer.body.len()).sum::<usize>()
        + reply.as_ref().map_or(0, Vec::len)
}
