//! The trait of all detectors and its signal.

use serde::{Deserialize, Serialize};

/// The result of an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// No sign of drift.
    #[default]
    Steady,
    /// A possible start of a drift: a good moment to start collecting data for a retraining.
    Warning,
    /// A drift.
    Drift,
}

/// A drift detector on a stream of numbers.
pub trait Detector {
    /// Folds one observation into the state and returns its signal.
    fn observe(&mut self, x: f64) -> Signal;
}

/// Whether `x` is an error indicator or a share of errors.
pub(super) fn is_share(x: f64) -> bool {
    (0.0..=1.0).contains(&x)
}
