//! Signals that together start a workflow. Raises that match are kept until each signal of the trigger has one with the
//! same join keys; then the oldest of each are used up. A raise that is heard twice counts once.

use serde::{Deserialize, Serialize};

use crate::Ordered;
use crate::definition::SignalTrigger;
use crate::params::Value;

/// Raises of one signal that wait for those of the others; beyond it the oldest is forgotten.
const WAITING_MAX: usize = 1000;

/// A raise: which one it is of its signal, counted from one, and what it carries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Heard {
    pub seq: u64,
    pub params: Ordered<Value>,
}

/// What one trigger has heard; the state between raises.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Joins {
    /// By signal: the newest raise that was looked at.
    seen: Ordered<u64>,
    /// By signal: raises that match and are not used up, the oldest first.
    waiting: Ordered<Vec<Heard>>,
}

/// Raises that together start an instance: of each signal of the trigger one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Started {
    pub signals: Ordered<Heard>,
}

impl Started {
    /// A text that names these raises and no others: two starts with one key are one.
    #[must_use]
    pub fn key(&self) -> String {
        let all: Vec<String> =
            self.signals.iter().map(|(name, heard)| format!("{name}/{}", heard.seq)).collect();
        all.join(",")
    }

    /// What an expression's `params.getFromSignal(signal, param)` finds.
    #[must_use]
    pub fn param(&self, signal: &str, param: &str) -> Option<&Value> {
        self.signals.get(signal)?.params.get(param)
    }
}

impl Joins {
    /// Takes a raise into account; raises of one signal come in the order of their numbers.
    pub fn hear(&mut self, trigger: &SignalTrigger, signal: &str, heard: Heard) -> Option<Started> {
        let entry = trigger.definitions.get(signal)?;
        let seen = self.seen.entry(signal.to_owned()).or_default();
        if heard.seq <= *seen {
            return None;
        }
        *seen = heard.seq;
        let matches = entry.match_params.iter().all(|(key, wanted)| {
            heard.params.get(key).is_some_and(|carried| wanted.operator.holds(carried, &wanted.value))
        });
        let keys = join_values(&entry.join_keys, &heard.params)?;
        if !matches {
            return None;
        }
        let waiting = self.waiting.entry(signal.to_owned()).or_default();
        if waiting.len() >= WAITING_MAX {
            waiting.remove(0);
        }
        waiting.push(heard);
        self.start(trigger, &keys)
    }

    /// Uses up the oldest raise of each signal that carries these join keys, if each has one.
    fn start(&mut self, trigger: &SignalTrigger, keys: &[String]) -> Option<Started> {
        let mut places = Vec::with_capacity(trigger.definitions.len());
        for (name, entry) in &trigger.definitions {
            let waiting = self.waiting.get(name)?;
            let fits =
                |heard: &Heard| join_values(&entry.join_keys, &heard.params).is_some_and(|own| own == keys);
            places.push((name, waiting.iter().position(fits)?));
        }
        let mut signals = Ordered::with_capacity(places.len());
        for (name, place) in places {
            signals.insert(name.clone(), self.waiting.get_mut(name)?.remove(place));
        }
        Some(Started { signals })
    }

    /// How many raises wait for others.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.values().map(Vec::len).sum()
    }
}

/// The values under the join keys as text; none if one is missing.
fn join_values(keys: &[String], params: &Ordered<Value>) -> Option<Vec<String>> {
    keys.iter().map(|key| params.get(key).map(Value::to_text)).collect()
}
