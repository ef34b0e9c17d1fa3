//! ADWIN2: a window that is cut wherever its two halves have different means.
//!
//! Source: Bifet and Gavaldà, "Learning from time-changing data with adaptive windowing" (SDM 2007), as river's
//! `AdaptiveWindowing` runs it. The window is kept as an exponential histogram: row `i` holds buckets that each sum
//! up `2^i` observations, at most `max_buckets` of them, so that a window of `w` observations costs `O(log w)`
//! memory. An observation costs a constant number of merges on average; the cuts, `O(log w)` of them, are tried only
//! at every `clock`-th observation.

use serde::{Deserialize, Serialize};

use super::{Detector, Signal};
use crate::drift::error::{DriftError, ensure};

/// How an [`Adwin`] decides.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdwinOptions {
    /// Confidence of a cut: smaller is more reluctant. In `0..1`.
    pub delta: f64,
    /// Cuts are tried at every so many observations.
    pub clock: u32,
    /// Buckets of one size before two are merged.
    pub max_buckets: u32,
    /// Observations that each side of a cut must have.
    pub min_window_length: u32,
    /// Observations before the first cut.
    pub grace_period: u32,
}

impl Default for AdwinOptions {
    fn default() -> Self {
        Self { delta: 0.002, clock: 32, max_buckets: 5, min_window_length: 5, grace_period: 10 }
    }
}

/// The sum and the sum of squared deviations of `2^row` observations.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Bucket {
    total: f64,
    variance: f64,
}

/// An adaptive window and its memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Adwin {
    options: AdwinOptions,
    /// The buckets by size, smallest first; within a row the oldest first.
    rows: Vec<Vec<Bucket>>,
    width: f64,
    total: f64,
    variance: f64,
    ticks: u32,
    drifted: bool,
    detections: u64,
}

/// One side of a cut while it moves through the window.
#[derive(Clone, Copy)]
struct Side {
    n: f64,
    total: f64,
}

impl Adwin {
    /// An empty window.
    ///
    /// # Errors
    ///
    /// [`DriftError::Value`] if an option is outside its range.
    pub fn new(options: AdwinOptions) -> Result<Self, DriftError> {
        let AdwinOptions { delta, clock, max_buckets, min_window_length, .. } = options;
        ensure(delta > 0.0 && delta < 1.0, "delta", delta, "give a confidence between 0 and 1")?;
        ensure(clock > 0, "clock", f64::from(clock), "give at least 1")?;
        ensure((2..=64).contains(&max_buckets), "max_buckets", f64::from(max_buckets), "give 2 to 64")?;
        ensure(min_window_length > 0, "min_window_length", f64::from(min_window_length), "give at least 1")?;
        Ok(Self {
            options,
            rows: vec![Vec::new()],
            width: 0.0,
            total: 0.0,
            variance: 0.0,
            ticks: 0,
            drifted: false,
            detections: 0,
        })
    }

    /// Observations in the window.
    #[must_use]
    pub fn width(&self) -> f64 {
        self.width
    }

    /// The mean of the window; `None` while it is empty.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.width > 0.0).then(|| self.total / self.width)
    }

    /// Drifts over the whole life of the detector.
    #[must_use]
    pub fn detections(&self) -> u64 {
        self.detections
    }

    fn reset(&mut self) {
        self.rows.truncate(1);
        self.rows[0].clear();
        (self.width, self.total, self.variance, self.ticks, self.drifted) = (0.0, 0.0, 0.0, 0, false);
    }

    fn insert(&mut self, x: f64) {
        self.rows[0].push(Bucket { total: x, variance: 0.0 });
        self.width += 1.0;
        if self.width > 1.0 {
            let away = x - self.total / (self.width - 1.0);
            self.variance += (self.width - 1.0) * away * away / self.width;
        }
        self.total += x;
        self.compress();
    }

    /// Merges the two oldest buckets of every row that holds one too many.
    fn compress(&mut self) {
        let most = self.options.max_buckets as usize;
        let mut size = 1.0;
        for row in 0.. {
            if self.rows[row].len() <= most {
                break;
            }
            let (a, b) = (self.rows[row][0], self.rows[row][1]);
            self.rows[row].drain(..2);
            let apart = a.total / size - b.total / size;
            let between = size * size * apart * apart / (size + size);
            let merged = Bucket { total: a.total + b.total, variance: a.variance + b.variance + between };
            if row + 1 == self.rows.len() {
                self.rows.push(Vec::with_capacity(most + 1));
            }
            self.rows[row + 1].push(merged);
            size *= 2.0;
        }
    }

    /// Forgets the oldest bucket.
    fn forget(&mut self) {
        let last = self.rows.len() - 1;
        let n = bucket_size(last);
        let bucket = self.rows[last].remove(0);
        self.width -= n;
        self.total -= bucket.total;
        let apart = bucket.total / n - self.total / self.width;
        self.variance -= bucket.variance + n * self.width * apart * apart / (n + self.width);
        if self.rows[last].is_empty() && last > 0 {
            self.rows.pop();
        }
    }

    /// Cuts the window while some cut tells its halves apart. True if it was cut.
    fn shrink(&mut self) -> bool {
        let mut cut = false;
        while self.some_cut_differs() {
            cut = true;
            self.forget();
        }
        cut
    }

    /// Whether some cut between buckets, oldest first, tells the halves apart.
    fn some_cut_differs(&self) -> bool {
        let least = f64::from(self.options.min_window_length);
        let log_term = (2.0 * self.width.ln() / self.options.delta).ln();
        let spread = self.variance / self.width;
        let mut old = Side { n: 0.0, total: 0.0 };
        let mut young = Side { n: self.width, total: self.total };
        for (row, buckets) in self.rows.iter().enumerate().rev() {
            let size = bucket_size(row);
            for bucket in buckets {
                old = Side { n: old.n + size, total: old.total + bucket.total };
                young = Side { n: young.n - size, total: young.total - bucket.total };
                if young.n < least || old.n < least {
                    continue;
                }
                let apart = old.total / old.n - young.total / young.n;
                let recip = 1.0 / (old.n - least + 1.0) + 1.0 / (young.n - least + 1.0);
                let limit = (2.0 * recip * spread * log_term).sqrt() + 2.0 / 3.0 * log_term * recip;
                if apart.abs() > limit {
                    return true;
                }
            }
        }
        false
    }
}

fn bucket_size(row: usize) -> f64 {
    f64::powi(2.0, row as i32)
}

impl Detector for Adwin {
    fn observe(&mut self, x: f64) -> Signal {
        if !x.is_finite() {
            return Signal::Steady;
        }
        if self.drifted {
            self.reset();
        }
        self.insert(x);
        self.ticks = (self.ticks + 1) % self.options.clock;
        if self.ticks == 0 && self.width > f64::from(self.options.grace_period) && self.shrink() {
            self.drifted = true;
            self.detections += 1;
            return Signal::Drift;
        }
        Signal::Steady
    }
}
