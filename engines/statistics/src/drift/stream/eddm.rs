//! EDDM: errors that come at ever shorter distances.
//!
//! Source: Baena-García and others, "Early drift detection method" (2006), as river's `EDDM` runs it. A warning lasts
//! until the next error, since only an error changes the distances.

use serde::{Deserialize, Serialize};

use super::mean::Mean;
use super::{Detector, Signal, is_share};
use crate::drift::error::{DriftError, ensure};

/// How an [`Eddm`] decides.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EddmOptions {
    /// Observations before distances count, and errors before a verdict.
    pub warm_start: u32,
    /// Share of the best level below which it warns.
    pub alpha: f64,
    /// Share of the best level below which it is a drift; at most `alpha`.
    pub beta: f64,
}

impl Default for EddmOptions {
    fn default() -> Self {
        Self { warm_start: 30, alpha: 0.95, beta: 0.9 }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Distances {
    mean: Mean,
    /// Sum of squared deviations from the mean.
    squares: f64,
    seen: u64,
    last_error: u64,
    errors: u64,
    best: Option<f64>,
    signal: Signal,
}

/// The distances between errors and their best.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Eddm {
    options: EddmOptions,
    distances: Distances,
}

impl Eddm {
    /// A detector without observations.
    ///
    /// # Errors
    ///
    /// [`DriftError::Value`] if a level is not in `0..=1`, or `beta` is above `alpha`.
    pub fn new(options: EddmOptions) -> Result<Self, DriftError> {
        let EddmOptions { alpha, beta, .. } = options;
        ensure((0.0..=1.0).contains(&alpha), "alpha", alpha, "give a share of 0 to 1")?;
        ensure(beta >= 0.0 && beta <= alpha, "beta", beta, "give a share of 0 to alpha")?;
        Ok(Self { options, distances: Distances::default() })
    }
}

impl Distances {
    /// Folds an error at the current observation and keeps its signal.
    fn error(&mut self, options: &EddmOptions) {
        self.errors += 1;
        let distance = (self.seen - self.last_error) as f64;
        self.last_error = self.seen;
        let before = self.mean.value;
        self.mean.fold(distance);
        self.squares += (distance - before) * (distance - self.mean.value);
        if self.seen <= u64::from(options.warm_start) {
            return;
        }
        let variance = if self.mean.n > 1.0 { self.squares / (self.mean.n - 1.0) } else { 0.0 };
        let level = self.mean.value + 2.0 * variance.sqrt();
        match self.best {
            Some(best) if level <= best => {
                if self.errors > u64::from(options.warm_start) {
                    let share = level / best;
                    self.signal = if share < options.beta {
                        Signal::Drift
                    } else if share < options.alpha {
                        Signal::Warning
                    } else {
                        Signal::Steady
                    };
                }
            }
            _ => self.best = Some(level),
        }
    }
}

impl Detector for Eddm {
    fn observe(&mut self, x: f64) -> Signal {
        if !is_share(x) {
            return Signal::Steady;
        }
        if self.distances.signal == Signal::Drift {
            self.distances = Distances::default();
        }
        self.distances.seen += 1;
        if x == 1.0 {
            self.distances.error(&self.options);
        }
        self.distances.signal
    }
}
