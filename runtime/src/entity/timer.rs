//! Messages that an entity sends to itself later.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::traits::Command;
use crate::error::Refused;
use crate::time::Timestamp;

/// Longest name of a timer, in bytes.
pub const TIMER_NAME_BYTES_MAX: usize = 64;
/// Shortest period of a repeating timer.
pub const TIMER_EVERY_MIN: Duration = Duration::from_millis(10);

/// How firings are handled that a repeating timer missed, because its shard had no leader or too much was due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// Missed firings are skipped: a firing that is a whole period late or more does not happen.
    Skip,
    /// One firing for all of them.
    #[default]
    One,
    /// All missed firings, one after the other.
    All,
}

/// A command that the entity sends to itself when it is due. It is part of the replicated state: it survives crashes,
/// wakes a passive entity, and takes effect once.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Timer {
    /// Next firing by the shard's clock; never earlier, and normally within a tick after.
    pub due: Timestamp,
    /// Its period in milliseconds; `None` fires once, however late.
    pub every_ms: Option<u64>,
    /// How missed firings are handled.
    pub catch_up: CatchUp,
    /// The command's verb.
    pub verb: String,
    /// The command, encoded.
    pub body: Vec<u8>,
}

impl Timer {
    /// Fires once.
    #[must_use]
    pub fn once<C: Command>(due: Timestamp, command: &C) -> Self {
        Self {
            due,
            every_ms: None,
            catch_up: CatchUp::default(),
            verb: C::VERB.to_owned(),
            body: crate::wire::encode(command),
        }
    }

    /// Fires at `due` and then periodically. Periods count from `due`, so the timer does not drift.
    #[must_use]
    pub fn every<C: Command>(due: Timestamp, every: Duration, catch_up: CatchUp, command: &C) -> Self {
        let every_ms = Some(u64::try_from(every.as_millis()).unwrap_or(u64::MAX));
        Self { every_ms, catch_up, ..Self::once(due, command) }
    }

    /// For a timer that is due at `now`: whether it fires, and when it is due again.
    #[must_use]
    pub fn fire(&self, now: Timestamp) -> (bool, Option<Timestamp>) {
        let Some(every) = self.every_ms.map(|every| every.max(1)) else { return (true, None) };
        let late = now.0.saturating_sub(self.due.0);
        let after = |periods: u64| self.due.0.checked_add(every.checked_mul(periods)?).map(Timestamp);
        match self.catch_up {
            CatchUp::All => (true, after(1)),
            CatchUp::One => (true, after(late / every + 1)),
            CatchUp::Skip => (late < every, after(late / every + 1)),
        }
    }
}

/// The timers of one entity by name.
pub type TimersByName = BTreeMap<Arc<str>, Timer>;

/// An entity's own timers, and how many more are allowed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timers<'a> {
    pub(crate) set: Option<&'a TimersByName>,
    pub(crate) of_entity_max: usize,
    pub(crate) left_in_shard: usize,
}

impl Timers<'_> {
    /// Whether decided changes keep within the bounds.
    pub(crate) fn allow(&self, changes: &[(String, Option<Timer>)]) -> Result<(), Refused> {
        if changes.is_empty() {
            return Ok(());
        }
        for (name, timer) in changes {
            if name.is_empty() || name.len() > TIMER_NAME_BYTES_MAX {
                let why = format!("a timer's name must be 1 to {TIMER_NAME_BYTES_MAX} bytes");
                return Err(Refused::field("TIMER_NAME", "name", why));
            }
            let shortest = TIMER_EVERY_MIN.as_millis();
            if let Some(every) = timer.as_ref().and_then(|timer| timer.every_ms)
                && u128::from(every) < shortest
            {
                let why = format!("timer {name:?} repeats every {every} ms, {shortest} ms is the least");
                return Err(Refused::field("TIMER_EVERY", "every", why));
            }
        }
        let have = self.set.map_or(0, BTreeMap::len);
        let is_set = |name: &str| self.set.is_some_and(|set| set.contains_key(name));
        let mut after: BTreeMap<&str, bool> = BTreeMap::new();
        for (name, timer) in changes {
            after.insert(name, timer.is_some());
        }
        let new = after.iter().filter(|(name, kept)| **kept && !is_set(name)).count();
        let gone = after.iter().filter(|(name, kept)| !**kept && is_set(name)).count();
        if new > gone && have + new - gone > self.of_entity_max {
            let why =
                format!("an entity has at most shard.timers_of_entity_max = {} timers", self.of_entity_max);
            return Err(Refused::new("TIMERS_FULL", why));
        }
        if new > gone && new - gone > self.left_in_shard {
            return Err(Refused::new("TIMERS_FULL", "the shard holds shard.timers_max timers"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timer(due: u64, every_ms: Option<u64>, catch_up: CatchUp) -> Timer {
        Timer { due: Timestamp(due), every_ms, catch_up, verb: "v".into(), body: Vec::new() }
    }

    #[test]
    fn a_timer_fires_by_its_policy() {
        for (catch_up, every, now, fires, again) in [
            (CatchUp::Skip, None, 999, true, None),
            (CatchUp::One, Some(10), 100, true, Some(110)),
            (CatchUp::One, Some(10), 145, true, Some(150)),
            (CatchUp::All, Some(10), 145, true, Some(110)),
            (CatchUp::Skip, Some(10), 109, true, Some(110)),
            (CatchUp::Skip, Some(10), 110, false, Some(120)),
            (CatchUp::Skip, Some(10), 145, false, Some(150)),
            (CatchUp::All, Some(u64::MAX), 100, true, None),
        ] {
            let fired = timer(100, every, catch_up).fire(Timestamp(now));
            assert_eq!(fired, (fires, again.map(Timestamp)), "{catch_up:?} {every:?} at {now}");
        }
    }

    #[test]
    fn all_missed_firings_are_made_up_one_after_the_other() {
        let mut timer = timer(100, Some(10), CatchUp::All);
        let mut fired = 0;
        while timer.due <= Timestamp(145) {
            let (fires, again) = timer.fire(Timestamp(145));
            fired += u32::from(fires);
            timer.due = again.unwrap();
        }
        assert_eq!((fired, timer.due), (5, Timestamp(150)));
    }

    #[test]
    fn changes_are_held_to_the_bounds() {
        let set: TimersByName =
            ["a", "b"].into_iter().map(|name| (Arc::from(name), timer(1, None, CatchUp::One))).collect();
        let room = Timers { set: Some(&set), of_entity_max: 2, left_in_shard: 1 };
        let put = |name: &str| (name.to_owned(), Some(timer(1, None, CatchUp::One)));
        let drop = |name: &str| (name.to_owned(), None);
        for (changes, code) in [
            (vec![put("a")], None),
            (vec![put("c")], Some("TIMERS_FULL")),
            (vec![drop("a"), put("c")], None),
            (vec![drop("x"), put("c")], Some("TIMERS_FULL")),
            (vec![put("")], Some("TIMER_NAME")),
            (vec![put(&"n".repeat(65))], Some("TIMER_NAME")),
            (vec![("a".to_owned(), Some(timer(1, Some(9), CatchUp::One)))], Some("TIMER_EVERY")),
        ] {
            let refused = room.allow(&changes).err().map(|refused| refused.code);
            assert_eq!(refused.as_deref(), code, "{changes:?}");
        }
        let narrow = Timers { set: None, of_entity_max: 9, left_in_shard: 1 };
        assert!(narrow.allow(&[put("a")]).is_ok());
        assert!(narrow.allow(&[put("a"), put("b")]).is_err());
    }
}
