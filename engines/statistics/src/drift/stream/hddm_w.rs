//! HDDM-W: like HDDM-A with exponentially weighted means, by McDiarmid's inequality.
//!
//! Source: Frías-Blanco and others, "Online and non-parametric drift detection methods based on Hoeffding's bounds"
//! (IEEE TKDE 2015), as river's `HDDMW` runs it.

use serde::{Deserialize, Serialize};

use super::mean::Weighted;
use super::{Detector, Signal, is_share};
use crate::drift::error::{DriftError, ensure};

/// How an [`HddmW`] decides.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HddmWOptions {
    /// Chance of a false drift, in `0..1`.
    pub drift_confidence: f64,
    /// Chance of a false warning, in `0..1`.
    pub warning_confidence: f64,
    /// Weight of the youngest observation, in `0..=1`.
    pub lambda_val: f64,
    /// Whether a fall counts too.
    pub two_sided_test: bool,
}

impl Default for HddmWOptions {
    fn default() -> Self {
        Self { drift_confidence: 0.001, warning_confidence: 0.005, lambda_val: 0.05, two_sided_test: false }
    }
}

/// A cut point with the weighted means before and after it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Cut {
    bound: Option<f64>,
    before: Weighted,
    after: Weighted,
}

impl Cut {
    const NONE: Self = Self { bound: None, before: Weighted::EMPTY, after: Weighted::EMPTY };

    /// Moves the cut to now if `closer` says so of the bounds, else folds `x` behind it.
    fn fold(&mut self, x: f64, lambda: f64, all: &Weighted, bound: f64, closer: impl Fn(f64, f64) -> bool) {
        if self.bound.is_none_or(|best| closer(bound, best)) {
            *self = Self { bound: Some(bound), before: *all, after: Weighted::EMPTY };
        } else {
            self.after.fold(x, lambda);
        }
    }
}

/// Weighted means, and the cut points for a rise and a fall.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HddmW {
    options: HddmWOptions,
    all: Weighted,
    rise: Cut,
    fall: Cut,
    drifted: bool,
}

impl HddmW {
    /// A detector without observations.
    ///
    /// # Errors
    ///
    /// [`DriftError::Value`] if a confidence is outside `0..1` or the weight outside `0..=1`.
    pub fn new(options: HddmWOptions) -> Result<Self, DriftError> {
        let HddmWOptions { drift_confidence: drift, warning_confidence: warn, lambda_val, .. } = options;
        ensure(drift > 0.0 && drift < 1.0, "drift_confidence", drift, "give a probability between 0 and 1")?;
        ensure(warn > 0.0 && warn < 1.0, "warning_confidence", warn, "give a probability between 0 and 1")?;
        ensure((0.0..=1.0).contains(&lambda_val), "lambda_val", lambda_val, "give a share of 0 to 1")?;
        Ok(Self { options, all: Weighted::EMPTY, rise: Cut::NONE, fall: Cut::NONE, drifted: false })
    }

    fn judge(&self, low: &Weighted, high: &Weighted) -> Signal {
        if !(low.begun && high.begun) {
            return Signal::Steady;
        }
        let apart = high.mean - low.mean;
        let sum = low.bound + high.bound;
        if apart > bound(sum, self.options.drift_confidence) {
            Signal::Drift
        } else if apart > bound(sum, self.options.warning_confidence) {
            Signal::Warning
        } else {
            Signal::Steady
        }
    }
}

fn bound(sum: f64, confidence: f64) -> f64 {
    (sum * (1.0 / confidence).ln() / 2.0).sqrt()
}

impl Detector for HddmW {
    fn observe(&mut self, x: f64) -> Signal {
        if !is_share(x) {
            return Signal::Steady;
        }
        if self.drifted {
            (self.all, self.rise, self.fall) = (Weighted::EMPTY, Cut::NONE, Cut::NONE);
        }
        let lambda = self.options.lambda_val;
        self.all.fold(x, lambda);
        let tolerance = bound(self.all.bound, self.options.drift_confidence);
        self.rise.fold(x, lambda, &self.all, self.all.mean + tolerance, |new, best| new < best);
        self.fall.fold(x, lambda, &self.all, self.all.mean - tolerance, |new, best| new > best);
        let mut signal = self.judge(&self.rise.before, &self.rise.after);
        if self.options.two_sided_test {
            signal = signal.max(self.judge(&self.fall.after, &self.fall.before));
        }
        self.drifted = signal == Signal::Drift;
        signal
    }
}
