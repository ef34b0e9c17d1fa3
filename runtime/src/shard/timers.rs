//! The timers of a shard's entities, and which of them are due. Part of the replicated state, pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bincode::{Decode, Encode};

use crate::address::Address;
use crate::entity::{Timer, TimersByName};
use crate::time::Timestamp;

/// A batch's change of a timer. It is idempotent, because the leader applies it while it decides and again with the
/// whole batch.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TimerChange {
    /// The entity.
    pub of: Address,
    /// Its name.
    pub name: String,
    /// The change.
    pub to: TimerTo,
}

/// A change of one timer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum TimerTo {
    /// It is set, and replaces a timer of that name.
    Set(Timer),
    /// It has fired or was skipped, and is due again.
    Due(Timestamp),
    /// It was cancelled, or has fired for the last time.
    Gone,
}

type Key = (Timestamp, Arc<Address>, Arc<str>);

/// The timers of a shard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TimerTable {
    by_entity: BTreeMap<Arc<Address>, TimersByName>,
    by_due: BTreeSet<Key>,
}

impl TimerTable {
    /// Timers that are set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_due.len()
    }

    /// When the first timer is due; `None` without timers.
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        self.by_due.first().map(|(due, _, _)| *due)
    }

    /// Timers of one entity; `None` without any.
    #[must_use]
    pub fn of(&self, entity: &Address) -> Option<&TimersByName> {
        self.by_entity.get(entity)
    }

    /// Timers due at `now`, the oldest first, at most `max`.
    #[must_use]
    pub fn due(&self, now: Timestamp, max: usize) -> Vec<(Arc<Address>, Arc<str>)> {
        self.by_due
            .iter()
            .take(max)
            .take_while(|(due, _, _)| *due <= now)
            .map(|(_, of, name)| (of.clone(), name.clone()))
            .collect()
    }

    /// Folds a change.
    pub fn fold(&mut self, change: &TimerChange) {
        let before = self.remove(&change.of, &change.name);
        let timer = match (&change.to, before) {
            (TimerTo::Set(timer), _) => timer.clone(),
            (TimerTo::Due(due), Some(timer)) => Timer { due: *due, ..timer },
            (TimerTo::Due(_), None) | (TimerTo::Gone, _) => return,
        };
        let of = match self.by_entity.get_key_value(&change.of) {
            Some((of, _)) => of.clone(),
            None => Arc::new(change.of.clone()),
        };
        let name: Arc<str> = Arc::from(change.name.as_str());
        self.by_due.insert((timer.due, of.clone(), name.clone()));
        self.by_entity.entry(of).or_default().insert(name, timer);
    }

    fn remove(&mut self, of: &Address, name: &str) -> Option<Timer> {
        let set = self.by_entity.get_mut(of)?;
        let (name, timer) = set.remove_entry(name)?;
        let left = set.len();
        if let Some((of, _)) = self.by_entity.get_key_value(of) {
            self.by_due.remove(&(timer.due, of.clone(), name));
        }
        if left == 0 {
            self.by_entity.remove(of);
        }
        Some(timer)
    }

    /// All timers, in a fixed order, for the store.
    #[must_use]
    pub fn list(&self) -> Vec<TimerChange> {
        self.by_entity
            .iter()
            .flat_map(|(of, set)| {
                set.iter().map(|(name, timer)| TimerChange {
                    of: Address::clone(of),
                    name: name.to_string(),
                    to: TimerTo::Set(timer.clone()),
                })
            })
            .collect()
    }
}

impl FromIterator<TimerChange> for TimerTable {
    fn from_iter<I: IntoIterator<Item = TimerChange>>(changes: I) -> Self {
        let mut table = Self::default();
        changes.into_iter().for_each(|change| table.fold(&change));
        table
    }
}

/// Rate limit of a shard's timers: a token bucket of the leader's own, refilled by its monotonic clock.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pace {
    /// In millionths of a firing, so that rounding loses nothing at low rates.
    left: u64,
    at: u64,
}

impl Pace {
    /// Firings allowed at `now`; a burst is at most a tenth of a second's worth.
    pub(super) fn allowed(&mut self, now: u64, per_second: u32) -> usize {
        let burst = (u64::from(per_second) * 100_000).max(1_000_000);
        let gained = now.saturating_sub(self.at).saturating_mul(u64::from(per_second));
        self.left = self.left.saturating_add(gained).min(burst);
        self.at = now;
        usize::try_from(self.left / 1_000_000).unwrap_or(usize::MAX)
    }

    /// So many timers have fired.
    pub(super) fn spend(&mut self, fired: usize) {
        self.left = self.left.saturating_sub(fired as u64 * 1_000_000);
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng as _, SeedableRng as _};

    use super::*;
    use crate::entity::CatchUp;

    fn address(key: u8) -> Address {
        Address { kind: "k".into(), key: key.to_string() }
    }

    fn timer(due: u64) -> Timer {
        let (due, catch_up) = (Timestamp(due), CatchUp::One);
        Timer { due, every_ms: Some(10), catch_up, verb: "v".into(), body: vec![1] }
    }

    fn change(key: u8, name: u8, to: TimerTo) -> TimerChange {
        TimerChange { of: address(key), name: name.to_string(), to }
    }

    #[test]
    fn due_timers_come_oldest_first_and_within_the_count() {
        let table: TimerTable = [(1, 30), (2, 10), (3, 20), (4, 99)]
            .map(|(key, due)| change(key, 0, TimerTo::Set(timer(due))))
            .into_iter()
            .collect();
        let keys = |now, max| -> Vec<String> {
            table.due(Timestamp(now), max).into_iter().map(|(of, _)| of.key.clone()).collect()
        };
        assert_eq!(keys(30, 9), ["2", "3", "1"]);
        assert_eq!(keys(30, 2), ["2", "3"]);
        assert!(keys(9, 9).is_empty());
        assert_eq!(table.next(), Some(Timestamp(10)));
    }

    #[test]
    fn any_history_folds_to_the_same_table_whole_in_two_halves_from_the_store_and_twice() {
        for seed in 0..200 {
            let mut dice = StdRng::seed_from_u64(seed);
            let changes: Vec<TimerChange> = (0..dice.random_range(1..60))
                .map(|_| {
                    let to = match dice.random_range(0..3) {
                        0 => TimerTo::Set(timer(dice.random_range(0..50))),
                        1 => TimerTo::Due(Timestamp(dice.random_range(0..50))),
                        _ => TimerTo::Gone,
                    };
                    change(dice.random_range(0..4), dice.random_range(0..3), to)
                })
                .collect();
            let whole: TimerTable = changes.iter().cloned().collect();
            let (first, second) = changes.split_at(changes.len() / 2);
            let half: TimerTable = first.iter().cloned().collect();
            let mut stored: TimerTable = half.list().into_iter().collect();
            assert_eq!(stored, half, "seed {seed}");
            second.iter().for_each(|change| stored.fold(change));
            assert_eq!(stored, whole, "seed {seed}");
            second.iter().for_each(|change| stored.fold(change));
            assert_eq!(stored, whole, "seed {seed}: the second half folded twice");
            assert_eq!(whole.len(), whole.by_entity.values().map(BTreeMap::len).sum::<usize>());
            assert!(whole.by_entity.values().all(|set| !set.is_empty()));
        }
    }

    #[test]
    fn the_rate_limit_holds_without_bursts_after_a_pause() {
        let mut pace = Pace::default();
        let mut fired = 0;
        for step in 1..=1_000_u64 {
            let now = 60_000_000 + step * 1_000;
            let allowed = pace.allowed(now, 500);
            fired += allowed;
            pace.spend(allowed);
        }
        assert!((500..=560).contains(&fired), "{fired} in a second at 500 a second");
    }
}
