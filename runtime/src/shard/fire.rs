//! Due timers and timer changes that become part of a leader's draft.

use super::draft::Drafting;
use super::firing::Firing;
use super::recent::Caller;
use super::timers::{TimerChange, TimerTo};
use crate::address::Address;
use crate::entity::{Effect, Timer};

impl Drafting<'_> {
    /// Fires the timers that are due, within the rate limit. The firing, its effects and the timer's next time are in one
    /// entry, so that it takes effect once.
    pub(super) fn take_timers(&mut self, firing: &mut Firing) {
        let room = self.entities.config.batch_commands_max.saturating_sub(self.draft.commands) as usize;
        let (now, stamp) = (self.draft.now, self.draft.batch.now);
        let max = firing.allowed(now).min(room);
        let due = self.entities.meta.timers.due(stamp, max);
        firing.spend(due.len());
        for (of, name) in due {
            // An earlier message of this batch may have cancelled it or set another time.
            let set = self.entities.meta.timers.of(&of).and_then(|set| set.get(&name));
            let Some(timer) = set.filter(|set| set.due <= stamp).cloned() else { continue };
            let (fires, again) = timer.fire(stamp);
            let to = again.map_or(TimerTo::Gone, TimerTo::Due);
            self.change_timer(TimerChange { of: Address::clone(&of), name: name.to_string(), to });
            if fires {
                let Timer { verb, body, .. } = timer;
                self.follow(Effect { to: Address::clone(&of), verb, body }, Caller::Timer);
            }
        }
    }

    /// Adds the changes that a decision makes to its entity's timers.
    pub(super) fn change_timers(&mut self, of: &Address, timers: Vec<(String, Option<Timer>)>) {
        for (name, timer) in timers {
            let to = timer.map_or(TimerTo::Gone, TimerTo::Set);
            self.change_timer(TimerChange { of: of.clone(), name, to });
        }
    }

    fn change_timer(&mut self, change: TimerChange) {
        self.entities.meta.timers.fold(&change);
        let draft = &mut self.draft;
        draft.bytes += change.of.key.len() + change.name.len() + 24;
        if let TimerTo::Set(timer) = &change.to {
            draft.bytes += timer.verb.len() + timer.body.len() + 16;
        }
        draft.batch.timers.push(change);
    }
}
