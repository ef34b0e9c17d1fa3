//! Effects that become part of a leader's draft: those of its own decisions on this shard, and those of other shards.

use super::draft::Drafting;
use super::entry::{Answer, Item};
use super::inbox::{Inbox, News, news};
use super::recent::Caller;
use crate::address::Address;
use crate::entity::{Action, Decided, Effect, KindSpec, Placement};
use crate::error::AskError;
use crate::transport::EffectBatch;

/// Longest chain of effects within one shard that one message may cause; the rest are dead letters.
const LOCAL_EFFECTS_MAX: usize = 10_000;

impl Drafting<'_> {
    /// Adds an item, and runs its effects on this shard.
    pub(super) fn write(
        &mut self,
        kind: &KindSpec,
        to: Address,
        events: Vec<Vec<u8>>,
        effects: Vec<Effect>,
        answer: Option<Answer>,
    ) {
        let local = self.push_item(kind, to, events, effects, answer);
        self.follow_all(local);
    }

    /// Runs a message that no client waits for, and all effects that follow from it on this shard.
    pub(super) fn follow(&mut self, effect: Effect, caller: Caller) {
        let local = self.run_effect(effect, caller);
        self.follow_all(local);
    }

    fn follow_all(&mut self, mut local: Vec<Effect>) {
        let mut followed = 0;
        while let Some(effect) = local.pop() {
            followed += 1;
            if followed > LOCAL_EFFECTS_MAX {
                for effect in local.into_iter().chain([effect]) {
                    self.entities.dead_letter(&effect, "the chain of effects is too long", self.sink);
                }
                return;
            }
            local.extend(self.run_effect(effect, Caller::Neighbour));
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
    ) -> Vec<Effect> {
        let draft = &mut self.draft;
        if !events.is_empty() {
            self.entities.cells.touched(kind.name, &to.key, draft.index);
            if kind.placement == Placement::Control {
                draft.changed.push((kind.name, to.key.clone()));
            }
        }
        let (mut local, away): (Vec<_>, Vec<_>) =
            effects.into_iter().partition(|effect| self.entities.shard_of(effect) == self.entities.shard);
        local.reverse();
        draft.bytes += events.iter().map(|event| event.len() + 4).sum::<usize>()
            + away.iter().map(|effect| effect.body.len() + 48).sum::<usize>()
            + answer.as_ref().map_or(0, |answer| answer.reply.len() + 28)
            + to.key.len()
            + 16;
        draft.batch.items.push(Item { to, events, effects: away, answer });
        local
    }

    /// Runs one effect; returns the effects that it has on this shard in turn.
    fn run_effect(&mut self, effect: Effect, caller: Caller) -> Vec<Effect> {
        let registry = self.entities.registry.clone();
        let Some(kind) = registry.get(&effect.to.kind) else {
            self.entities.dead_letter(&effect, "unknown kind", self.sink);
            return Vec::new();
        };
        let Some((name, Action::Command(run))) =
            kind.verbs.get(effect.verb.as_str()).map(|verb| (verb.name, verb.action))
        else {
            self.entities.dead_letter(&effect, "no such command", self.sink);
            return Vec::new();
        };
        self.draft.commands += 1;
        self.entities.counters.commands += 1;
        let at = self.draft.batch.now;
        let error = match self.run_unless_quarantined(kind, &effect, run) {
            Ok(Decided { events, effects, timers, reply: Ok(_) }) => {
                self.change_timers(&effect.to, timers);
                self.asks.recent.remember(&effect.to, name, caller, events.len(), None, at);
                return self.push_item(kind, effect.to, events, effects, None);
            }
            Ok(Decided { reply: Err(refused), .. }) => AskError::Refused(refused),
            Err(error) => error,
        };
        self.asks.recent.remember(&effect.to, name, caller, 0, Some(&error), at);
        self.entities.dead_letter(&effect, &error.to_string(), self.sink);
        Vec::new()
    }

    fn run_unless_quarantined(
        &mut self,
        kind: &KindSpec,
        effect: &Effect,
        run: crate::entity::Run,
    ) -> Result<Decided, AskError> {
        if self.entities.faults.state(&effect.to, kind.faults, self.draft.now).1 {
            return Err(AskError::Fault("quarantined".to_owned()));
        }
        let view = (&self.draft, &self.tail);
        self.entities.run(kind, &effect.to, (run, &effect.body), view, self.sink)
    }

    /// Decides effects of other shards, as far as the entry has room. `settled` says that no entry is in flight: then
    /// what a sender repeats is committed here, and is acknowledged again.
    pub(super) fn take_effects(&mut self, inbox: &mut Inbox, settled: bool) {
        while self.has_room() {
            let Some(EffectBatch { from, first, effects, .. }) = inbox.pop() else {
                break;
            };
            let taken = &self.draft.batch.taken;
            let drafted = taken.iter().rev().find(|(shard, _)| *shard == from).map(|(_, seq)| *seq);
            let have = drafted.unwrap_or_else(|| self.entities.meta.taken.get(&from).copied().unwrap_or(0));
            let last = first + effects.len() as u64 - 1;
            let skip = match news(first, effects.len(), have) {
                News::Gap => continue,
                News::Known => {
                    if settled && drafted.is_none() {
                        self.sink.out.taken.push((from, have));
                    }
                    continue;
                }
                News::After(skip) => skip,
            };
            let mut left = effects.into_iter().skip(skip);
            let mut taken = have;
            while self.draft.bytes < self.entities.config.batch_bytes_max as usize
                && let Some((_, effect)) = left.next()
            {
                self.follow(effect, Caller::Shard(from.0));
                taken += 1;
            }
            self.draft.batch.taken.retain(|(shard, _)| *shard != from);
            self.draft.batch.taken.push((from, taken));
            if taken < last {
                // The first ones have filled the entry: the others are for the next.
                let (first, effects) = (taken + 1, left.collect());
                inbox.put_back(EffectBatch { from, to: self.entities.shard, first, effects });
            }
        }
    }
}
