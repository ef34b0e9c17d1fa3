//! FHDDM: a sliding share of right predictions that fell too far below its best, by Hoeffding's inequality.
//!
//! Source: Pesaranghader and Viktor, "Fast Hoeffding drift detection method" (ECML PKDD 2016), as river's `FHDDM`
//! runs it. It detects a fall: feed 1 for a right prediction.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Detector, Signal, is_share};
use crate::drift::error::{DriftError, ensure};

/// How an [`Fhddm`] decides.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FhddmOptions {
    /// Observations in the window.
    pub sliding_window_size: u32,
    /// Chance of a false alarm that Hoeffding's inequality allows, in `0..1`.
    pub confidence_level: f64,
    /// Observations in a second, younger window inside the first; `None` for one window.
    pub short_window_size: Option<u32>,
}

impl Default for FhddmOptions {
    fn default() -> Self {
        Self { sliding_window_size: 100, confidence_level: 0.000_001, short_window_size: None }
    }
}

/// A sliding window and the best it had.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fhddm {
    options: FhddmOptions,
    window: VecDeque<f64>,
    sum: f64,
    best: f64,
    best_short: f64,
    drifted: bool,
}

impl Fhddm {
    /// An empty window.
    ///
    /// # Errors
    ///
    /// [`DriftError::Value`] if a window is empty or the short one does not fit, or the confidence is outside `0..1`.
    pub fn new(options: FhddmOptions) -> Result<Self, DriftError> {
        let FhddmOptions { sliding_window_size: size, confidence_level: level, short_window_size: short } =
            options;
        ensure((1..=1 << 20).contains(&size), "sliding_window_size", f64::from(size), "give 1 to 2^20")?;
        ensure(level > 0.0 && level < 1.0, "confidence_level", level, "give a probability between 0 and 1")?;
        if let Some(short) = short {
            ensure(
                (1..=size).contains(&short),
                "short_window_size",
                f64::from(short),
                "fit it into the window",
            )?;
        }
        Ok(Self { options, window: VecDeque::new(), sum: 0.0, best: 0.0, best_short: 0.0, drifted: false })
    }

    fn tolerance(&self, size: u32) -> f64 {
        ((1.0 / self.options.confidence_level).ln() / (2.0 * f64::from(size))).sqrt()
    }
}

impl Detector for Fhddm {
    fn observe(&mut self, x: f64) -> Signal {
        if !is_share(x) {
            return Signal::Steady;
        }
        if self.drifted {
            self.window.clear();
            (self.sum, self.best, self.best_short, self.drifted) = (0.0, 0.0, 0.0, false);
        }
        self.window.push_back(x);
        self.sum += x;
        let size = self.options.sliding_window_size;
        if self.window.len() < size as usize {
            return Signal::Steady;
        }
        let share = self.sum / f64::from(size);
        self.best = self.best.max(share);
        let mut fell = self.best - share > self.tolerance(size);
        if let Some(short) = self.options.short_window_size {
            let youngest: f64 = self.window.iter().skip((size - short) as usize).sum();
            let share = youngest / f64::from(short);
            self.best_short = self.best_short.max(share);
            fell |= self.best_short - share > self.tolerance(short);
        }
        self.drifted = fell;
        self.sum -= self.window.pop_front().unwrap_or(0.0);
        if fell { Signal::Drift } else { Signal::Steady }
    }
}
