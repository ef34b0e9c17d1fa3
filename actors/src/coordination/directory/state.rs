//! The state of a directory, and its decisions.

use std::collections::{BTreeMap, BTreeSet};

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_runtime::entity::{Answer, Globals, Placement};
use troupe_runtime::{Address, Context, Decide, Decision, Entity, Refused, Timestamp};

use super::messages::{DirectoryView, Entry, GetDirectory, Remove, Upsert};

/// Maximum number of entries of one directory. Beyond it, the idle entry with the first key is dropped; an idle entry has no due
/// time and no topic.
pub const ENTRIES_MAX: usize = 4_096;

/// The entities of one kind, keyed by the kind.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Directory {
    entries: BTreeMap<String, Entry>,
    /// Keys by topic, because every event of a member looks up its topic.
    wanting: BTreeMap<String, BTreeSet<String>>,
}

/// What happened to a directory.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// An entity was added or changed.
    #[serde(rename = "Enlisted")]
    Upserted(Entry),
    /// An entity was removed.
    #[serde(rename = "Struck")]
    Removed(String),
}

impl Directory {
    /// The directory of a kind.
    #[must_use]
    pub fn of<E: Entity>() -> Address {
        Address::of::<Self>(E::KIND)
    }

    /// The subscribers of this type of event.
    pub fn wanting(&self, topic: &str) -> impl Iterator<Item = &Entry> {
        self.wanting.get(topic).into_iter().flatten().filter_map(|key| self.entries.get(key))
    }

    /// The entries that are due by `now`.
    pub fn due(&self, now: Timestamp) -> impl Iterator<Item = &Entry> {
        self.entries.values().filter(move |entry| entry.due.is_some_and(|due| due <= now))
    }

    fn remove(&mut self, key: &str) {
        for topic in self.entries.remove(key).into_iter().flat_map(|entry| entry.topics) {
            let Some(keys) = self.wanting.get_mut(&topic) else { continue };
            keys.remove(key);
            if keys.is_empty() {
                self.wanting.remove(&topic);
            }
        }
    }

    /// All entries, in the order of their keys.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// The directory of a kind, as this node last applied it.
    #[must_use]
    pub fn read<E: Entity>(globals: &Globals) -> Option<std::sync::Arc<Self>> {
        globals.get::<Self>(E::KIND)
    }
}

impl Entity for Directory {
    const KIND: &'static str = "directory";
    const PLACEMENT: Placement = Placement::Control;
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Upserted(entry) => {
                self.remove(&entry.key);
                for topic in &entry.topics {
                    self.wanting.entry(topic.clone()).or_default().insert(entry.key.clone());
                }
                self.entries.insert(entry.key.clone(), entry.clone());
                if self.entries.len() > ENTRIES_MAX {
                    let idle = |entry: &&Entry| entry.due.is_none() && entry.topics.is_empty();
                    if let Some(key) = self.entries.values().find(idle).map(|entry| entry.key.clone()) {
                        self.remove(&key);
                    }
                }
            }
            Event::Removed(key) => self.remove(key),
        }
    }
}

impl Decide<Upsert> for Directory {
    fn decide(&self, ask: &Upsert, _ctx: &Context<'_>) -> Decision<Self, Upsert> {
        if self.entries.get(&ask.entry.key) == Some(&ask.entry) {
            return Decision::unchanged().reply(());
        }
        let idle = |entry: &Entry| entry.due.is_none() && entry.topics.is_empty();
        let known = self.entries.contains_key(&ask.entry.key);
        if !known && self.entries.len() >= ENTRIES_MAX && !self.entries.values().any(idle) {
            let why = format!("{ENTRIES_MAX} of the kind are active: end some first");
            return Decision::refuse(Refused::new("TOO_MANY", why));
        }
        Decision::event(Event::Upserted(ask.entry.clone())).reply(())
    }
}

impl Decide<Remove> for Directory {
    fn decide(&self, ask: &Remove, _ctx: &Context<'_>) -> Decision<Self, Remove> {
        if !self.entries.contains_key(&ask.key) {
            return Decision::unchanged().reply(());
        }
        Decision::event(Event::Removed(ask.key.clone())).reply(())
    }
}

impl Answer<GetDirectory> for Directory {
    fn answer(&self, _ask: &GetDirectory, _ctx: &Context<'_>) -> Result<DirectoryView, Refused> {
        Ok(DirectoryView { entries: self.entries.values().cloned().collect() })
    }
}
