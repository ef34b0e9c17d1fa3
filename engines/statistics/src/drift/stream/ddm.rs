//! DDM: an error rate that lies too many standard deviations above its minimum.
//!
//! Source: Gama and others, "Learning with drift detection" (SBIA 2004), as river's `DDM` runs it.

use serde::{Deserialize, Serialize};

use super::mean::Mean;
use super::{Detector, Signal, is_share};
use crate::drift::error::{DriftError, ensure};

/// How a [`Ddm`] decides.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DdmOptions {
    /// Observations before the first verdict.
    pub warm_start: u32,
    /// Standard deviations above the minimum that warn.
    pub warning_threshold: f64,
    /// Standard deviations above the minimum that are a drift.
    pub drift_threshold: f64,
}

impl Default for DdmOptions {
    fn default() -> Self {
        Self { warm_start: 30, warning_threshold: 2.0, drift_threshold: 3.0 }
    }
}

/// The rate and deviation with the least sum so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Best {
    rate: f64,
    deviation: f64,
}

/// An error rate and its best.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ddm {
    options: DdmOptions,
    rate: Mean,
    best: Option<Best>,
    drifted: bool,
}

impl Ddm {
    /// A detector without observations.
    ///
    /// # Errors
    ///
    /// [`DriftError::Value`] if a threshold is not a positive number.
    pub fn new(options: DdmOptions) -> Result<Self, DriftError> {
        let DdmOptions { warning_threshold: warn, drift_threshold: drift, .. } = options;
        ensure(warn.is_finite() && warn > 0.0, "warning_threshold", warn, "give deviations above 0")?;
        ensure(drift.is_finite() && drift > 0.0, "drift_threshold", drift, "give deviations above 0")?;
        Ok(Self { options, rate: Mean::default(), best: None, drifted: false })
    }
}

impl Detector for Ddm {
    fn observe(&mut self, x: f64) -> Signal {
        if !is_share(x) {
            return Signal::Steady;
        }
        if self.drifted {
            (self.rate, self.best, self.drifted) = (Mean::default(), None, false);
        }
        self.rate.fold(x);
        if self.rate.n <= f64::from(self.options.warm_start) {
            return Signal::Steady;
        }
        let rate = self.rate.value;
        let deviation = (rate * (1.0 - rate) / self.rate.n).sqrt();
        let best = match self.best {
            Some(best) if rate + deviation > best.rate + best.deviation => best,
            _ => Best { rate, deviation },
        };
        self.best = Some(best);
        if rate + deviation > best.rate + self.options.drift_threshold * best.deviation {
            self.drifted = true;
            Signal::Drift
        } else if rate + deviation > best.rate + self.options.warning_threshold * best.deviation {
            Signal::Warning
        } else {
            Signal::Steady
        }
    }
}
