//! The queue of deliveries that wait for a model's traffic, first come, first served.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use troupe_runtime::Timestamp;

use super::messages::{SetTraffic, Waiter};

/// Maximum number of deliveries in one queue. Further ones repeat their request until the queue has a place.
pub(super) const WAITING_MAX: usize = 256;

impl Waiter {
    /// The original request.
    pub(super) fn ask(&self) -> SetTraffic {
        SetTraffic {
            by: self.by.clone(),
            split: crate::stored::NamedFields(self.split.clone()),
            owner: Some(self.owner.clone()),
            id: self.id.clone(),
        }
    }
}

/// The queue, first come first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Waiters(VecDeque<Waiter>);

impl Waiters {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Waiter> {
        self.0.iter()
    }

    pub(super) fn of(&self, by: &str) -> Option<&Waiter> {
        self.0.iter().find(|waiter| waiter.by == by)
    }

    /// Number of deliveries before this one; all of them if it does not wait yet.
    pub(super) fn before(&self, by: &str) -> usize {
        self.0.iter().position(|waiter| waiter.by == by).unwrap_or(self.0.len())
    }

    /// The queue entry of a request; `None` if it changes nothing or the queue is full.
    pub(super) fn next(&self, ask: &SetTraffic, now: Timestamp) -> Option<Waiter> {
        let held = self.of(&ask.by);
        if held.is_none() && self.0.len() >= WAITING_MAX {
            return None;
        }
        let waiter = Waiter {
            by: ask.by.clone(),
            owner: ask.owner.clone()?,
            id: ask.id.clone(),
            split: ask.split.0.clone(),
            since: held.map_or(now, |held| held.since),
        };
        (held != Some(&waiter)).then_some(waiter)
    }

    /// Adds an entry, or replaces the split of an earlier one at the same place.
    pub(super) fn wait(&mut self, waiter: &Waiter) {
        match self.0.iter_mut().find(|held| held.by == waiter.by) {
            Some(held) => held.clone_from(waiter),
            None => self.0.push_back(waiter.clone()),
        }
    }

    pub(super) fn leave(&mut self, by: &str) {
        self.0.retain(|waiter| waiter.by != by);
    }
}
