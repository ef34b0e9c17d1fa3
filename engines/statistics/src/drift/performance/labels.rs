//! Late labels, joined to their predictions by key.
//!
//! The wait is bounded twice: a prediction waits at most `horizon_ms`, and at most `capacity` predictions wait; beyond it
//! the oldest is dropped. Dropped predictions are counted, so that a measure can report its share of predictions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Confusion;
use crate::drift::error::{DriftError, ensure};

/// How long and how many predictions wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LabelJoinOptions {
    /// Predictions that wait at once.
    pub capacity: usize,
    /// Milliseconds that a prediction waits; at exactly this age it still does.
    pub horizon_ms: u64,
}

impl Default for LabelJoinOptions {
    fn default() -> Self {
        Self { capacity: 100_000, horizon_ms: 7 * 24 * 3600 * 1000 }
    }
}

/// Counters of predictions and labels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelJoinStats {
    /// Predictions that came.
    pub predicted: u64,
    /// Labels that met their prediction.
    pub joined: u64,
    /// Predictions that waited too long.
    pub expired: u64,
    /// Predictions that made room for younger ones.
    pub evicted: u64,
    /// Predictions that a later one of the same key replaced.
    pub replaced: u64,
    /// Labels without a prediction: too late, twice, or of a key never seen.
    pub unmatched: u64,
}

/// A prediction that met its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// The class that was predicted.
    pub positive: bool,
    /// The class that it was.
    pub truth: bool,
    /// Milliseconds between both.
    pub delay_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Waiting {
    at_ms: u64,
    positive: bool,
    turn: u64,
}

/// Predictions that wait for their labels, and the confusion matrix of those that met.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelJoin {
    options: LabelJoinOptions,
    waiting: BTreeMap<String, Waiting>,
    /// The keys that wait, in the order of their coming.
    turns: BTreeMap<u64, String>,
    next_turn: u64,
    now_ms: u64,
    confusion: Confusion,
    stats: LabelJoinStats,
}

impl LabelJoin {
    /// An empty join.
    ///
    /// # Errors
    ///
    /// [`DriftError::Value`] if nothing may wait.
    pub fn new(options: LabelJoinOptions) -> Result<Self, DriftError> {
        ensure(options.capacity > 0, "capacity", 0.0, "let at least one prediction wait")?;
        Ok(Self {
            options,
            waiting: BTreeMap::new(),
            turns: BTreeMap::new(),
            next_turn: 0,
            now_ms: 0,
            confusion: Confusion::default(),
            stats: LabelJoinStats::default(),
        })
    }

    /// Lets a prediction wait. One of the same key that waits already is replaced. Time that runs backwards stands
    /// still.
    pub fn predicted(&mut self, key: &str, positive: bool, now_ms: u64) {
        self.expire(now_ms);
        self.stats.predicted += 1;
        if self.take(key).is_some() {
            self.stats.replaced += 1;
        }
        if self.waiting.len() >= self.options.capacity {
            self.drop_oldest();
            self.stats.evicted += 1;
        }
        let turn = self.next_turn;
        self.next_turn += 1;
        self.turns.insert(turn, key.to_owned());
        self.waiting.insert(key.to_owned(), Waiting { at_ms: self.now_ms, positive, turn });
    }

    /// Brings a label to its prediction. `None` if none waits: a label counts once.
    pub fn labelled(&mut self, key: &str, truth: bool, now_ms: u64) -> Option<Joined> {
        self.expire(now_ms);
        let Some(Waiting { at_ms, positive, .. }) = self.take(key) else {
            self.stats.unmatched += 1;
            return None;
        };
        self.stats.joined += 1;
        self.confusion.count(positive, truth);
        Some(Joined { positive, truth, delay_ms: self.now_ms - at_ms })
    }

    /// Lets go of predictions that have waited too long, and says how many they were.
    pub fn expire(&mut self, now_ms: u64) -> u64 {
        self.now_ms = self.now_ms.max(now_ms);
        let before = self.stats.expired;
        while let Some(at_ms) = self.oldest_ms()
            && self.now_ms - at_ms > self.options.horizon_ms
        {
            self.drop_oldest();
            self.stats.expired += 1;
        }
        self.stats.expired - before
    }

    /// Whether a prediction of this key waits.
    #[must_use]
    pub fn waits_for(&self, key: &str) -> bool {
        self.waiting.contains_key(key)
    }

    /// Predictions that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The counters so far.
    #[must_use]
    pub fn stats(&self) -> LabelJoinStats {
        self.stats
    }

    /// Returns the confusion matrix since the last call and resets it.
    pub fn take_confusion(&mut self) -> Confusion {
        std::mem::take(&mut self.confusion)
    }

    #[cfg(test)]
    pub(super) fn turns_kept(&self) -> usize {
        self.turns.len()
    }

    fn oldest_ms(&self) -> Option<u64> {
        let (_, key) = self.turns.first_key_value()?;
        self.waiting.get(key).map(|waiting| waiting.at_ms)
    }

    fn drop_oldest(&mut self) {
        if let Some((_, key)) = self.turns.pop_first() {
            self.waiting.remove(&key);
        }
    }

    fn take(&mut self, key: &str) -> Option<Waiting> {
        let waiting = self.waiting.remove(key)?;
        self.turns.remove(&waiting.turn);
        Some(waiting)
    }
}
