//! Joins of signals that start a workflow. Matching raises are kept until each signal of the trigger has one with the
//! same join keys. Then the oldest raise of each is consumed. A raise that arrives twice counts once.

use serde::{Deserialize, Serialize};

use crate::Ordered;
use crate::definition::SignalTrigger;
use crate::params::Value;

/// Waiting raises of one signal; beyond the limit the oldest is dropped.
const WAITING_MAX: usize = 1000;

/// A raise: its number within its signal, from 1, and its parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Heard {
    pub seq: u64,
    pub params: Ordered<Value>,
}

/// The state of one trigger between raises.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Joins {
    /// By signal: the newest raise that was processed.
    seen: Ordered<u64>,
    /// By signal: matching raises that are not consumed, the oldest first.
    waiting: Ordered<Vec<Heard>>,
}

/// The raises that start an instance: one of each signal of the trigger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Started {
    pub signals: Ordered<Heard>,
}

impl Started {
    /// A unique key of these raises: two starts with the same key are one.
    #[must_use]
    pub fn key(&self) -> String {
        let all: Vec<String> =
            self.signals.iter().map(|(name, heard)| format!("{name}/{}", heard.seq)).collect();
        all.join(",")
    }

    /// The value of `params.getFromSignal(signal, param)`.
    #[must_use]
    pub fn param(&self, signal: &str, param: &str) -> Option<&Value> {
        self.signals.get(signal)?.params.get(param)
    }
}

impl Joins {
    /// Processes a raise; raises of one signal arrive in the order of their numbers.
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

    /// Consumes the oldest raise of each signal with these join keys, if each has one.
    fn start(&mut self, trigger: &SignalTrigger, keys: &[String]) -> Option<Started> {
        let mut positions = Vec::with_capacity(trigger.definitions.len());
        for (name, entry) in &trigger.definitions {
            let waiting = self.waiting.get(name)?;
            let fits =
                |heard: &Heard| join_values(&entry.join_keys, &heard.params).is_some_and(|own| own == keys);
            positions.push((name, waiting.iter().position(fits)?));
        }
        let mut signals = Ordered::with_capacity(positions.len());
        for (name, position) in positions {
            signals.insert(name.clone(), self.waiting.get_mut(name)?.remove(position));
        }
        Some(Started { signals })
    }

    /// The count of waiting raises.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.values().map(Vec::len).sum()
    }
}

/// The values of the join keys as text; `None` if one is missing.
fn join_values(keys: &[String], params: &Ordered<Value>) -> Option<Vec<String>> {
    keys.iter().map(|key| params.get(key).map(Value::to_text)).collect()
}
