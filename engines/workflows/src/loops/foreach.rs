//! The combinations of a foreach's arrays. An iteration is only a number until it starts, so 100,000 of them take no
//! memory.

use serde::{Deserialize, Serialize};

use crate::Ordered;
use crate::bounds::{ITERATIONS_MAX, LOOP_PARAMS_MAX};
use crate::params::Value;

/// Why the iterations of a foreach cannot be computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoopError {
    #[error("params.loop_params is empty; name at least one array to loop over")]
    Nothing,
    #[error("params.loop_params.{name} is {found}; make it an array of strings, numbers or booleans")]
    NoArray { name: String, found: &'static str },
    #[error("params.loop_params has {found} parameters, {LOOP_PARAMS_MAX} at most; loop over fewer")]
    TooWide { found: usize },
    #[error(
        "params.loop_params make {found} iterations, {ITERATIONS_MAX} at most; shorten the arrays or nest loops"
    )]
    TooMany { found: u128 },
}

/// The iterations of a foreach: all combinations of its arrays' elements; the first array varies fastest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Combinations {
    arrays: Ordered<Value>,
}

impl Combinations {
    /// Reads the evaluated `loop_params`.
    ///
    /// # Errors
    /// If the parameters are empty, one is not an array, or the iterations exceed the limit.
    pub fn of(loop_params: &Value) -> Result<Self, LoopError> {
        let Value::Map(arrays) = loop_params else {
            return Err(LoopError::NoArray { name: String::new(), found: loop_params.sort() });
        };
        if arrays.is_empty() {
            return Err(LoopError::Nothing);
        }
        if arrays.len() > LOOP_PARAMS_MAX {
            return Err(LoopError::TooWide { found: arrays.len() });
        }
        let mut count = 1_u128;
        for (name, array) in arrays {
            let Some(len) = array.array_len() else {
                return Err(LoopError::NoArray { name: name.clone(), found: array.sort() });
            };
            count = count.saturating_mul(len as u128);
        }
        if count > u128::from(ITERATIONS_MAX) {
            return Err(LoopError::TooMany { found: count });
        }
        Ok(Self { arrays: arrays.clone() })
    }

    /// The count of iterations; 0 if an array is empty, and then the foreach has succeeded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.arrays.values().map(|array| array.array_len().unwrap_or(0) as u64).product()
    }

    /// An upper bound for the JSON bytes of one iteration's parameters.
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        let longest = |array: &Value| {
            let elements = (0..array.array_len().unwrap_or(0)).filter_map(|at| array.element(at));
            elements
                .map(|element| serde_json::to_vec(&element).map_or(0, |bytes| bytes.len()))
                .max()
                .unwrap_or(0)
        };
        self.arrays.iter().map(|(name, array)| name.len() + longest(array) + 8).sum::<usize>() + 2
    }

    /// The parameters of an iteration, counted from 0, without `loop_index`.
    #[must_use]
    pub fn get(&self, index: u64) -> Option<Ordered<Value>> {
        if index >= self.count() {
            return None;
        }
        let mut rest = usize::try_from(index).ok()?;
        let mut values = Ordered::with_capacity(self.arrays.len());
        for (name, array) in &self.arrays {
            let len = array.array_len()?;
            values.insert(name.clone(), array.element(rest % len)?);
            rest /= len;
        }
        Some(values)
    }
}
