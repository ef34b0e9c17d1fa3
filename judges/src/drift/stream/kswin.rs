//! KSWIN: a two-sample Kolmogorov-Smirnov test between the youngest of a window and a draw from the rest.
//!
//! Source: Raab, Heusinger and Schleif, "Reactive soft prototype computing for concept drift streams" (2020), as
//! river's `KSWIN` runs it: with scipy's exact p-value, a statistic above 0.1, and draws by Python's generator. The
//! seed is an option here, not left to chance: two copies of a detector that see the same stream must say the same.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::mersenne::Mersenne;
use super::{Detector, Signal};
use crate::drift::batch::{KsMethod, ks_sorted};
use crate::drift::error::{DriftError, ensure};

/// How a [`Kswin`] decides.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KswinOptions {
    /// The p-value up to which it is a drift, in `0..1`.
    pub alpha: f64,
    /// Observations in the window.
    pub window_size: u32,
    /// Observations in each sample; at most half of the window.
    pub stat_size: u32,
    /// What the draws are made from.
    pub seed: u64,
}

impl Default for KswinOptions {
    fn default() -> Self {
        Self { alpha: 0.005, window_size: 100, stat_size: 30, seed: 0 }
    }
}

/// A window, and the generator of its draws.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kswin {
    options: KswinOptions,
    window: VecDeque<f64>,
    random: Mersenne,
    drifted: bool,
}

impl Kswin {
    /// An empty window.
    ///
    /// # Errors
    ///
    /// [`DriftError::Value`] if `alpha` is no probability, or the window is too small for two samples.
    pub fn new(options: KswinOptions) -> Result<Self, DriftError> {
        let KswinOptions { alpha, window_size, stat_size, seed } = options;
        ensure(alpha > 0.0 && alpha < 1.0, "alpha", alpha, "give a probability between 0 and 1")?;
        ensure((1..=5000).contains(&stat_size), "stat_size", f64::from(stat_size), "give 1 to 5000")?;
        let fits = window_size >= 2 * stat_size && window_size <= 1 << 20;
        ensure(fits, "window_size", f64::from(window_size), "give twice stat_size to 2^20")?;
        Ok(Self { options, window: VecDeque::new(), random: Mersenne::new(seed), drifted: false })
    }

    fn differs(&mut self) -> bool {
        let rest = self.options.window_size - self.options.stat_size;
        let drawn = self.random.sample(rest, self.options.stat_size);
        let mut past: Vec<f64> = drawn.into_iter().map(|i| self.window[i as usize]).collect();
        let mut recent: Vec<f64> = self.window.iter().skip(rest as usize).copied().collect();
        past.sort_by(f64::total_cmp);
        recent.sort_by(f64::total_cmp);
        let test = ks_sorted(&past, &recent, KsMethod::Auto);
        test.p_value <= self.options.alpha && test.statistic > 0.1
    }
}

impl Detector for Kswin {
    fn observe(&mut self, x: f64) -> Signal {
        if !x.is_finite() {
            return Signal::Steady;
        }
        if self.drifted {
            self.window.clear();
            self.random = Mersenne::new(self.options.seed);
            self.drifted = false;
        }
        if self.window.len() == self.options.window_size as usize {
            self.window.pop_front();
        }
        self.window.push_back(x);
        if self.window.len() < self.options.window_size as usize {
            return Signal::Steady;
        }
        self.drifted = self.differs();
        if self.drifted { Signal::Drift } else { Signal::Steady }
    }
}
