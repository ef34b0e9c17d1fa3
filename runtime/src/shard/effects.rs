//! What decisions lead to within the shard, and what other shards' decisions lead to here.

use super::decide::Draft;
use super::entry::{Answer, Item};
use super::recent::Caller;
use super::replica::Replica;
use crate::address::Address;
use crate::entity::{Action, Decided, Effect, KindSpec, Placement};
use crate::error::AskError;
use crate::transport::EffectBatch;

/// Longest chain of effects within one shard that one message may set off; what lies beyond is a dead letter.
const LOCAL_EFFECTS_MAX: usize = 10_000;

impl Replica {
    /// Adds an item, and runs its effects on this shard.
    pub(super) fn write(
        &mut self,
        kind: &KindSpec,
        to: Address,
        events: Vec<Vec<u8>>,
        effects: Vec<Effect>,
        answer: Option<Answer>,
        draft: &mut Draft,
    ) {
        let local = self.push_item(kind, to, events, effects, answer, draft);
        self.follow_all(local, draft);
    }

    /// Runs a message that no client waits for, and everything that it leads to on this shard.
    pub(super) fn follow(&mut self, effect: Effect, caller: Caller, draft: &mut Draft) {
        let local = self.run_effect(effect, caller, draft);
        self.follow_all(local, draft);
    }

    fn follow_all(&mut self, mut local: Vec<Effect>, draft: &mut Draft) {
        let mut followed = 0;
        while let Some(effect) = local.pop() {
            followed += 1;
            if followed > LOCAL_EFFECTS_MAX {
                for effect in local.into_iter().chain([effect]) {
                    self.dead_letter(&effect, "the chain of effects is too long");
                }
                return;
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
            + answer.as_ref().map_or(0, |answer| answer.reply.len() + 28)
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
            Ok(Decided { events, effects, timers, reply: Ok(_) }) => {
                self.change_timers(&effect.to, timers, draft);
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

    pub(super) fn take_effects(&mut self, draft: &mut Draft) {
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
            let mut left = effects.into_iter().skip(skip);
            let mut taken = have;
            while draft.bytes < self.config.batch_bytes_max as usize
                && let Some((_, effect)) = left.next()
            {
                self.follow(effect, Caller::Shard(from.0), draft);
                taken += 1;
            }
            draft.batch.taken.retain(|(shard, _)| *shard != from);
            draft.batch.taken.push((from, taken));
            if taken < last {
                // What a few of them led to has filled the entry: the others are in the next.
                let (first, effects) = (taken + 1, left.collect());
                let rest = EffectBatch { from, to: self.group.shard(), first, effects };
                self.waiting_effects.push_front(rest);
            }
        }
    }
}
