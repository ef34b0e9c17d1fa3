//! Who waits for a model's traffic, first come first served.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use troupe_runtime::{Address, Timestamp};

use super::messages::SetTraffic;
use super::split::Split;

/// Deliveries that wait for one model's traffic. Those beyond ask again until there is a place.
pub(super) const WAITING_MAX: usize = 256;

/// One that found the traffic held, with all that it asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiter {
    /// Who.
    pub by: String,
    /// Who is told once it is its turn.
    pub owner: Address,
    /// By which the owner knows its question.
    pub id: String,
    /// What it wants.
    pub split: Split,
    /// Since when.
    pub since: Timestamp,
}

impl Waiter {
    /// What it asks for, as it asked.
    pub(super) fn ask(&self) -> SetTraffic {
        SetTraffic {
            by: self.by.clone(),
            split: crate::stored::NamedFields(self.split.clone()),
            owner: Some(self.owner.clone()),
            id: self.id.clone(),
        }
    }
}

/// Those that wait, who came first in front.
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

    /// How many come before this one, or would if it came as the next.
    pub(super) fn before(&self, by: &str) -> usize {
        self.0.iter().position(|waiter| waiter.by == by).unwrap_or(self.0.len())
    }

    /// What somebody asks for while the traffic is held, as it is kept; none if nothing changes by it or there is no place.
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

    /// Somebody waits, or wants another split than before: the place stays the same.
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
