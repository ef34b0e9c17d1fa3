//! A register that counts its writes.

use super::search::Model;
use crate::history::{Answer, Call, Operation};

/// Get, put and compare-and-swap.
pub struct Register;

impl Model for Register {
    /// Value and writes.
    type State = (u64, u64);

    fn of(_operations: &[Operation]) -> Self {
        Self
    }

    fn initial() -> Self::State {
        (0, 0)
    }

    fn step(&self, state: &Self::State, call: &Call, answer: Option<&Answer>) -> Option<Self::State> {
        let (value, version) = *state;
        let (after, wrote) = match call {
            Call::Get => ((value, version), false),
            Call::Put(new) => ((*new, version + 1), true),
            Call::Cas { old, new } if *old == value => ((*new, version + 1), true),
            Call::Cas { .. } => ((value, version), false),
            Call::Read | Call::Append(_) => return None,
        };
        let agrees = match answer {
            None => true,
            Some(Answer::Register { value, version, swapped }) => {
                (*value, *version) == after && (*swapped == wrote)
            }
            Some(Answer::Length(_) | Answer::List(_)) => false,
        };
        agrees.then_some(after)
    }
}
