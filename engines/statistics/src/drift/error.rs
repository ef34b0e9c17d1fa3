//! Why numbers could not be judged.

use thiserror::Error;

/// What is wrong with an input or an option, and how to mend it.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum DriftError {
    /// There is nothing to judge.
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
    /// A number is outside what its meaning allows.
    #[error("{field} is {got}: {fix}")]
    Value {
        /// Which option or input.
        field: &'static str,
        /// What came.
        got: f64,
        /// What to give instead.
        fix: &'static str,
    },
}

impl DriftError {
    /// Which input or option is at fault.
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

/// `Ok` where the number satisfies what its meaning asks.
pub(crate) fn ensure(
    holds: bool,
    field: &'static str,
    got: f64,
    fix: &'static str,
) -> Result<(), DriftError> {
    if holds { Ok(()) } else { Err(DriftError::Value { field, got, fix }) }
}

/// `Ok` where the sample has at least `least` entries and all are finite.
pub(crate) fn ensure_finite(sample: &[f64], field: &'static str, least: usize) -> Result<(), DriftError> {
    if sample.len() < least {
        return Err(DriftError::TooFew { field, least });
    }
    match sample.iter().position(|x| !x.is_finite()) {
        Some(index) => Err(DriftError::NotFinite { field, index }),
        None => Ok(()),
    }
}
