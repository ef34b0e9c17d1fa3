//! The Page-Hinkley test: a sum of deviations that has risen, or fallen, too far from its extreme.
//!
//! Source: Page, "Continuous inspection schemes" (Biometrika 1954), with the forgetting of river's `PageHinkley`.

use serde::{Deserialize, Serialize};

use super::mean::Mean;
use super::{Detector, Signal};
use crate::drift::error::{DriftError, ensure};

/// Which changes of the mean count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageHinkleyMode {
    /// A rise.
    Up,
    /// A fall.
    Down,
    /// Either.
    #[default]
    Both,
}

/// How a [`PageHinkley`] decides.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PageHinkleyOptions {
    /// Observations before the first verdict.
    pub min_instances: u32,
    /// Deviations up to this size are tolerated, in the unit of the stream.
    pub delta: f64,
    /// How far the sum may go, in the unit of the stream: scale it with the stream.
    pub threshold: f64,
    /// What is kept of the sum at every observation, in `0..=1`.
    pub alpha: f64,
    /// Which changes count.
    pub mode: PageHinkleyMode,
}

impl Default for PageHinkleyOptions {
    fn default() -> Self {
        Self {
            min_instances: 30,
            delta: 0.005,
            threshold: 50.0,
            alpha: 1.0 - 0.0001,
            mode: PageHinkleyMode::Both,
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Sums {
    mean: Mean,
    rise: f64,
    fall: f64,
    lowest: Option<f64>,
    highest: Option<f64>,
    drifted: bool,
}

/// A Page-Hinkley test and its memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PageHinkley {
    options: PageHinkleyOptions,
    sums: Sums,
}

impl PageHinkley {
    /// A test without observations.
    ///
    /// # Errors
    ///
    /// [`DriftError::Value`] if an option is outside its range.
    pub fn new(options: PageHinkleyOptions) -> Result<Self, DriftError> {
        let PageHinkleyOptions { delta, threshold, alpha, .. } = options;
        ensure(delta.is_finite() && delta >= 0.0, "delta", delta, "give a finite size of at least 0")?;
        ensure(
            threshold.is_finite() && threshold > 0.0,
            "threshold",
            threshold,
            "give a finite size above 0",
        )?;
        ensure((0.0..=1.0).contains(&alpha), "alpha", alpha, "give a share of 0 to 1")?;
        Ok(Self { options, sums: Sums::default() })
    }
}

impl Detector for PageHinkley {
    fn observe(&mut self, x: f64) -> Signal {
        if !x.is_finite() {
            return Signal::Steady;
        }
        if self.sums.drifted {
            self.sums = Sums::default();
        }
        let (options, s) = (&self.options, &mut self.sums);
        s.mean.fold(x);
        let away = x - s.mean.value;
        s.rise = options.alpha * s.rise + away - options.delta;
        s.fall = options.alpha * s.fall + away + options.delta;
        let lowest = s.lowest.map_or(s.rise, |low| low.min(s.rise));
        // River starts the maximum at -1, not at minus infinity.
        let highest = s.highest.unwrap_or(-1.0).max(s.fall);
        (s.lowest, s.highest) = (Some(lowest), Some(highest));
        if s.mean.n < f64::from(options.min_instances) {
            return Signal::Steady;
        }
        let risen = s.rise - lowest > options.threshold;
        let fallen = highest - s.fall > options.threshold;
        s.drifted = match options.mode {
            PageHinkleyMode::Up => risen,
            PageHinkleyMode::Down => fallen,
            PageHinkleyMode::Both => risen || fallen,
        };
        if s.drifted { Signal::Drift } else { Signal::Steady }
    }
}
