//! HDDM-A: the mean since a cut point differs from the mean before it, by Hoeffding's inequality.
//!
//! Source: Frías-Blanco and others, "Online and non-parametric drift detection methods based on Hoeffding's bounds"
//! (IEEE TKDE 2015), as river's `HDDMA` runs it.

use serde::{Deserialize, Serialize};

use super::mean::Mean;
use super::{Detector, Signal, is_share};
use crate::drift::error::{DriftError, ensure};

/// How an [`HddmA`] decides.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HddmAOptions {
    /// Chance of a false drift, in `0..1`.
    pub drift_confidence: f64,
    /// Chance of a false warning, in `0..1`.
    pub warning_confidence: f64,
    /// Whether a fall counts too.
    pub two_sided_test: bool,
}

impl Default for HddmAOptions {
    fn default() -> Self {
        Self { drift_confidence: 0.001, warning_confidence: 0.005, two_sided_test: false }
    }
}

/// The mean of all, and the means at the cut points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HddmA {
    options: HddmAOptions,
    all: Mean,
    /// Where the upper bound was the least: the cut for a rise.
    low: Mean,
    /// Where the lower bound was the greatest: the cut for a fall.
    high: Mean,
    drifted: bool,
}

impl HddmA {
    /// A detector without observations.
    ///
    /// # Errors
    ///
    /// [`DriftError::Value`] if a confidence is outside `0..1`.
    pub fn new(options: HddmAOptions) -> Result<Self, DriftError> {
        let HddmAOptions { drift_confidence: drift, warning_confidence: warn, .. } = options;
        ensure(drift > 0.0 && drift < 1.0, "drift_confidence", drift, "give a probability between 0 and 1")?;
        ensure(warn > 0.0 && warn < 1.0, "warning_confidence", warn, "give a probability between 0 and 1")?;
        let none = Mean::default();
        Ok(Self { options, all: none, low: none, high: none, drifted: false })
    }

    fn bound(&self, n: f64) -> f64 {
        (1.0 / (2.0 * n) * (1.0 / self.options.drift_confidence).ln()).sqrt()
    }

    /// Whether the mean of all lies `rise` further than chance allows from the mean at the cut.
    fn moved(&self, cut: Mean, rise: f64, confidence: f64) -> bool {
        if cut.n == self.all.n {
            return false;
        }
        let m = (self.all.n - cut.n) / cut.n * (1.0 / self.all.n);
        rise >= (m / 2.0 * (2.0 / confidence).ln()).sqrt()
    }

    fn judge(&self, cut: Mean, rise: f64) -> Signal {
        if self.moved(cut, rise, self.options.drift_confidence) {
            Signal::Drift
        } else if self.moved(cut, rise, self.options.warning_confidence) {
            Signal::Warning
        } else {
            Signal::Steady
        }
    }
}

impl Detector for HddmA {
    fn observe(&mut self, x: f64) -> Signal {
        if !is_share(x) {
            return Signal::Steady;
        }
        if self.drifted {
            let none = Mean::default();
            (self.all, self.low, self.high) = (none, none, none);
        }
        self.all.fold(x);
        if self.low.n == 0.0 {
            self.low = self.all;
        }
        if self.high.n == 0.0 {
            self.high = self.all;
        }
        let tolerance = self.bound(self.all.n);
        if self.low.value + self.bound(self.low.n) >= self.all.value + tolerance {
            self.low = self.all;
        }
        if self.high.value - self.bound(self.high.n) <= self.all.value - tolerance {
            self.high = self.all;
        }
        let mut signal = self.judge(self.low, self.all.value - self.low.value);
        if self.options.two_sided_test {
            signal = signal.max(self.judge(self.high, self.high.value - self.all.value));
        }
        self.drifted = signal == Signal::Drift;
        signal
    }
}
