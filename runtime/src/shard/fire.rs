//! Timers that are due, decided like any other message.

use super::decide::Draft;
use super::recent::Caller;
use super::replica::Replica;
use super::timers::{TimerChange, TimerTo};
use crate::address::Address;
use crate::entity::{Effect, Timer};
use crate::time::Timestamp;

impl Replica {
    /// Whether a timer is due that this leader may fire.
    pub(super) fn timers_due(&mut self, now: u64, wall: Timestamp) -> bool {
        self.ledger.timers.next().is_some_and(|due| due <= wall.max(self.ledger.now))
            && self.decides()
            && self.pace.allowed(now, self.config.timers_per_second) > 0
    }

    /// Fires what is due, as far as the pace allows. The firing, what it leads to and the timer's next time are in one
    /// entry, so that it takes effect once.
    pub(super) fn take_timers(&mut self, draft: &mut Draft) {
        let room = self.config.batch_commands_max.saturating_sub(draft.commands) as usize;
        let max = self.pace.allowed(draft.now, self.config.timers_per_second).min(room);
        let due = self.ledger.timers.due(draft.batch.now, max);
        self.pace.spend(due.len());
        for (of, name) in due {
            // What came before it in this batch may have cancelled it or set it anew.
            let set = self.ledger.timers.of(&of).and_then(|set| set.get(&name));
            let Some(timer) = set.filter(|set| set.due <= draft.batch.now).cloned() else { continue };
            let (fires, again) = timer.fire(draft.batch.now);
            let to = again.map_or(TimerTo::Gone, TimerTo::Due);
            self.change_timer(TimerChange { of: Address::clone(&of), name: name.to_string(), to }, draft);
            if fires {
                let Timer { verb, body, .. } = timer;
                self.follow(Effect { to: Address::clone(&of), verb, body }, Caller::Timer, draft);
            }
        }
    }

    /// Makes what a decision says of its entity's timers part of the entry.
    pub(super) fn change_timers(
        &mut self,
        of: &Address,
        timers: Vec<(String, Option<Timer>)>,
        draft: &mut Draft,
    ) {
        for (name, timer) in timers {
            let to = timer.map_or(TimerTo::Gone, TimerTo::Set);
            self.change_timer(TimerChange { of: of.clone(), name, to }, draft);
        }
    }

    fn change_timer(&mut self, change: TimerChange, draft: &mut Draft) {
        self.ledger.timers.fold(&change);
        draft.bytes += change.of.key.len() + change.name.len() + 24;
        if let TimerTo::Set(timer) = &change.to {
            draft.bytes += timer.verb.len() + timer.body.len() + 16;
        }
        draft.batch.timers.push(change);
    }
}
