//! Errors of drift tests.

use thiserror::Error;

/// An invalid input or option, with the fix.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum DriftError {
    /// The input is empty or too short.
    #[error("{field} is empty: give at least {least} numbers")]
    TooFew {
        /// Which input.
        field: &'static str,
        /// How many are needed.
        least: usize,
    },
    /// A sample holds NaN or an infinity.
    #[error("{field}[{index}] is not finite: drop nulls before the test and count them apart")]
    NotFinite {
        /// Which input.
        field: &'static str,
        /// Where in it.
        index: usize,
    },
    /// Two inputs that go together differ in length.
    #[error("{field} has {got} entries where {want} are expected: give both the same layout")]
    Shape {
        /// Which input.
        field: &'static str,
        /// How many came.
        got: usize,
        /// How many were expected.
        want: usize,
    },
    /// A number is out of range.
    #[error("{field} is {got}: {fix}")]
    Value {
        /// Which option or input.
        field: &'static str,
        /// The given value.
        got: f64,
        /// The fix.
        fix: &'static str,
    },
}

impl DriftError {
    /// The invalid input or option.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::TooFew { field, .. }
            | Self::NotFinite { field, .. }
            | Self::Shape { field, .. }
            | Self::Value { field, .. } => field,
        }
    }
}

/// `Ok` if the number is in its range.
pub(crate) fn ensure(
    holds: bool,
    field: &'static str,
    got: f64,
    fix: &'static str,
) -> Result<(), DriftError> {
    if holds { Ok(()) } else { Err(DriftError::Value { field, got, fix }) }
}

/// `Ok` if the sample has at least `least` entries and all are finite.
pub(crate) fn ensure_finite(sample: &[f64], field: &'static str, least: usize) -> Result<(), DriftError> {
    if sample.len() < least {
        return Err(DriftError::TooFew { field, least });
    }
    match sample.iter().position(|x| !x.is_finite()) {
        Some(index) => Err(DriftError::NotFinite { field, index }),
        None => Ok(()),
    }
}
