//! A list that only grows.

use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::search::Model;
use crate::history::{Answer, Call};

/// Append and read. Its state is not the list but its length and a digest, so that configurations stay small.
pub enum List {}

impl Model for List {
    type State = (u64, u128);

    fn initial() -> Self::State {
        (0, 0)
    }

    fn step(state: &Self::State, call: &Call, answer: Option<&Answer>) -> Option<Self::State> {
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
