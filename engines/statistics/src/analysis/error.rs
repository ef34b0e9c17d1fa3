//! Errors of analyses.

use thiserror::Error;

/// Missing data or an invalid option, with the fix.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum AnalysisError {
    /// An arm has too few members for a variance.
    #[error("{arm} has {got} members: at least 2 are needed")]
    TooFew {
        /// The arm.
        arm: &'static str,
        /// Its number of members.
        got: u64,
    },
    /// An arm has no variance, so no interval exists.
    #[error("nothing varies in {arm}: wait for more members")]
    NoVariance {
        /// The arm.
        arm: &'static str,
    },
    /// All members of both arms have the same value.
    #[error("all members of both arms have {value}: wait for a member with another value")]
    Alike {
        /// The common value.
        value: f64,
    },
    /// A relative effect on a baseline of 0.
    #[error("the baseline is 0, and no effect is relative to that: look at the absolute one")]
    NoBaseline,
    /// A number is not finite.
    #[error("{field} is not finite: drop such values before")]
    NotFinite {
        /// The common value.
        field: &'static str,
    },
    /// An option is out of range.
    #[error("{field} is {got}: {fix}")]
    Value {
        /// The option.
        field: &'static str,
        /// The given value.
        got: f64,
        /// The fix.
        fix: &'static str,
    },
}

/// `Ok` if the option is in its range.
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
