//! A list that only grows.

use std::collections::HashMap;

use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::search::Model;
use crate::history::{Answer, Call, Operation};

/// Append and read. The state is the list's length and a digest instead of the list, which keeps configurations small.
///
/// Lists only grow, so the longest list that was read gives the position of each value. Only that position is tried.
/// Otherwise the search would try every order of the appends in doubt.
pub struct List {
    longest: Vec<u64>,
    places: HashMap<u64, usize>,
}

impl List {
    fn belongs(&self, length: u64, value: u64) -> bool {
        let at = usize::try_from(length).unwrap_or(usize::MAX);
        match self.longest.get(at) {
            Some(there) => *there == value,
            None => !self.places.contains_key(&value),
        }
    }
}

impl Model for List {
    type State = (u64, u128);

    fn of(operations: &[Operation]) -> Self {
        let reads = operations.iter().filter_map(|operation| match operation.answered() {
            Some((_, Answer::List(values))) => Some(values),
            _ => None,
        });
        let longest = reads.max_by_key(|values| values.len()).cloned().unwrap_or_default();
        let places = longest.iter().enumerate().map(|(at, value)| (*value, at)).collect();
        Self { longest, places }
    }

    fn initial() -> Self::State {
        (0, 0)
    }

    fn step(&self, state: &Self::State, call: &Call, answer: Option<&Answer>) -> Option<Self::State> {
        if let Call::Append(value) = call
            && !self.belongs(state.0, *value)
        {
            return None;
        }
        let (after, agrees) = match (call, answer) {
            (Call::Append(value), None) => (grown(*state, *value), true),
            (Call::Append(value), Some(Answer::Length(length))) => {
                (grown(*state, *value), *length == state.0 + 1)
            }
            (Call::Read, Some(Answer::List(values))) => {
                let read = values.iter().fold(Self::initial(), |state, value| grown(state, *value));
                (*state, read == *state)
            }
            _ => return None,
        };
        agrees.then_some(after)
    }
}

fn grown((length, digest): (u64, u128), value: u64) -> (u64, u128) {
    let mut bytes = [0; 24];
    bytes[..16].copy_from_slice(&digest.to_le_bytes());
    bytes[16..].copy_from_slice(&value.to_le_bytes());
    (length + 1, xxh3_128_with_seed(&bytes, length))
}
