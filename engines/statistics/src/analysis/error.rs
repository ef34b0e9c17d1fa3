//! Why nothing can be said.

use thiserror::Error;

/// What is missing, and how to mend it.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum AnalysisError {
    /// An arm has too few members for a variance.
    #[error("{arm} has {got} members: at least 2 are needed")]
    TooFew {
        /// Which arm.
        arm: &'static str,
        /// How many it has.
        got: u64,
    },
    /// Nothing varies, so nothing is known of how far to trust it.
    #[error("nothing varies in {arm}: wait for more members")]
    NoVariance {
        /// Which arm.
        arm: &'static str,
    },
    /// All members of both arms have the same value.
    #[error("all members of both arms have {value}: wait for one who has not")]
    Alike {
        /// Which.
        value: f64,
    },
    /// An effect relative to nothing.
    #[error("the baseline is 0, and no effect is relative to that: look at the absolute one")]
    NoBaseline,
    /// A number is not finite.
    #[error("{field} is not finite: drop such values before")]
    NotFinite {
        /// Which.
        field: &'static str,
    },
    /// An option is outside what its meaning allows.
    #[error("{field} is {got}: {fix}")]
    Value {
        /// Which option.
        field: &'static str,
        /// What came.
        got: f64,
        /// What to give instead.
        fix: &'static str,
    },
}

/// `Ok` where the option satisfies what its meaning asks.
pub(super) fn ensure(
    holds: bool,
    field: &'static str,
    got: f64,
    fix: &'static str,
) -> Result<(), AnalysisError> {
    if holds { Ok(()) } else { Err(AnalysisError::Value { field, got, fix }) }
}

pub(super) fn ensure_alpha(alpha: f64) -> Result<(), AnalysisError> {
    ensure(alpha > 0.0 && alpha < 1.0, "alpha", alpha, "give a probability between 0 and 1, as .05")
}
