//! The inputs of an entity besides its own state.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::timer::{Timer, Timers};
use super::traits::Entity;
use crate::time::Timestamp;

/// The inputs of a decision or answer besides the state.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The batch's time; never goes back within a shard.
    pub now: Timestamp,
    /// A random seed, drawn once per message by the shell.
    pub seed: u64,
    /// The entity's own key.
    pub key: &'a str,
    /// States of the control group's entities as this node has applied them.
    pub globals: &'a Globals,
    pub(crate) timers: Timers<'a>,
}

impl<'a> Context<'a> {
    /// A context at `now` for `key`, with no randomness.
    #[must_use]
    pub const fn at(now: Timestamp, key: &'a str, globals: &'a Globals) -> Self {
        let timers = Timers { set: None, of_entity_max: usize::MAX, left_in_shard: usize::MAX };
        Self { now, seed: 0, key, globals, timers }
    }

    /// One of the entity's own timers, as it is set.
    #[must_use]
    pub fn timer(&self, name: &str) -> Option<&'a Timer> {
        self.timers.set?.get(name)
    }

    /// The state of an entity of the control group, as last applied on this node.
    #[must_use]
    pub fn global<E: Entity>(&self, key: &str) -> Option<Arc<E>> {
        self.globals.get::<E>(key)
    }
}

type Published = HashMap<(&'static str, String), Arc<dyn Any + Send + Sync>>;

/// Committed states of the control group's entities, readable from all of the node without a lock.
pub struct Globals {
    published: ArcSwap<Published>,
    version: watch::Sender<u64>,
}

impl Default for Globals {
    fn default() -> Self {
        Self { published: ArcSwap::default(), version: watch::Sender::new(0) }
    }
}

impl Globals {
    /// The entity's state, if it was ever written.
    #[must_use]
    pub fn get<E: Entity>(&self, key: &str) -> Option<Arc<E>> {
        // A lookup by a borrowed key would need a second map. This map is small and read seldom, so the allocation of
        // a key does not matter.
        let found = self.published.load().get(&(E::KIND, key.to_owned())).cloned()?;
        found.downcast::<E>().ok()
    }

    /// Keys and states of every entity of the kind, sorted by key.
    #[must_use]
    pub fn all<E: Entity>(&self) -> Vec<(String, Arc<E>)> {
        let published = self.published.load();
        let mut all: Vec<_> = published
            .iter()
            .filter(|((kind, _), _)| *kind == E::KIND)
            .filter_map(|((_, key), state)| Some((key.clone(), state.clone().downcast::<E>().ok()?)))
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// Publishes states after the control group has applied a batch. Tests use it to set up state.
    pub fn publish(&self, states: Vec<(&'static str, String, Arc<dyn Any + Send + Sync>)>) {
        if states.is_empty() {
            return;
        }
        self.published.rcu(|current| {
            let mut next = Published::clone(current);
            for (kind, key, state) in &states {
                next.insert((kind, key.clone()), state.clone());
            }
            next
        });
        self.version.send_modify(|version| *version += 1);
    }

    /// Notifies of each publication; the value is only a counter.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Number of publications.
    #[must_use]
    pub fn version(&self) -> u64 {
        *self.version.borrow()
    }

    /// Replaces all states, after the control group was reloaded.
    pub fn replace(&self, states: Vec<(&'static str, String, Arc<dyn Any + Send + Sync>)>) {
        let states = states.into_iter().map(|(kind, key, state)| ((kind, key), state));
        self.published.store(Arc::new(states.collect()));
        self.version.send_modify(|version| *version += 1);
    }
}

impl std::fmt::Debug for Globals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.published.load().keys()).finish()
    }
}
