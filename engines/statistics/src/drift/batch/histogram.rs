//! Counts over bins, which a monitor keeps instead of a feature's values.

use serde::{Deserialize, Serialize};

use super::bins::Bins;
use super::chi_square::{chi_square_table, chi_square_tail};
use super::divergence::{LogBase, hellinger, jensen_shannon, kullback_leibler, psi_threshold};
use crate::drift::error::DriftError;
use crate::drift::level::binomial_two_sided;

/// Below this expected count, the chi-square law does not hold for a bin (Cochran, 1954).
const LEAST_EXPECTED: f64 = 5.0;

/// The tail of the calibrated threshold.
const THRESHOLD_TAIL: f64 = 0.01;

/// Counts over [`Bins`], and of nulls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    bins: Bins,
    counts: Vec<u64>,
    nulls: u64,
}

/// How two histograms over the same bins differ. Nulls, where there are any, are one more bin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Observations of the reference, nulls included.
    pub reference: u64,
    /// Current observations, nulls included.
    pub current: u64,
    /// Bins that hold anything on either side.
    pub bins: usize,
    /// The population stability index; an empty bin counts as half an observation.
    pub psi: f64,
    /// What the index exceeds once in a hundred times if nothing has changed; see [`super::psi_threshold`].
    pub psi_threshold: f64,
    /// How likely an index as large is if nothing has changed, by the same law.
    pub psi_p_value: f64,
    /// How likely a difference as large is if nothing has changed, by Pearson's statistic where bins are full
    /// enough, and exactly for the rest together. This one is fit for corrections over many features: it holds in
    /// the far tail.
    pub p_value: f64,
    /// The Jensen-Shannon distance to base 2.
    pub jensen_shannon: f64,
    /// The Hellinger distance.
    pub hellinger: f64,
    /// The Kullback-Leibler divergence of the current side from the reference, in nats.
    pub kullback_leibler: f64,
}

impl Histogram {
    /// An empty histogram.
    #[must_use]
    pub fn new(bins: Bins) -> Self {
        let counts = vec![0; bins.count()];
        Self { bins, counts, nulls: 0 }
    }

    /// The histogram of a sample; NaN counts as null.
    #[must_use]
    pub fn of(bins: Bins, sample: &[f64]) -> Self {
        let mut histogram = Self::new(bins);
        sample.iter().for_each(|&x| histogram.fold(x));
        histogram
    }

    /// Counts one observation; NaN is a null. Counts stop at their largest.
    pub fn fold(&mut self, x: f64) {
        let count = match self.bins.place(x) {
            Some(bin) => self.counts.get_mut(bin),
            None => Some(&mut self.nulls),
        };
        if let Some(count) = count {
            *count = count.saturating_add(1);
        }
    }

    /// Adds the counts of another histogram over the same bins.
    ///
    /// # Errors
    ///
    /// [`DriftError::Shape`] if the bins differ.
    pub fn merge(&mut self, other: &Self) -> Result<(), DriftError> {
        self.same_bins(other)?;
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine = mine.saturating_add(*theirs);
        }
        self.nulls = self.nulls.saturating_add(other.nulls);
        Ok(())
    }

    /// Forgets all counts and keeps the bins.
    pub fn clear(&mut self) {
        self.counts.fill(0);
        self.nulls = 0;
    }

    /// The layout.
    #[must_use]
    pub fn bins(&self) -> &Bins {
        &self.bins
    }

    /// The count of each bin.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The count of nulls.
    #[must_use]
    pub fn nulls(&self) -> u64 {
        self.nulls
    }

    /// All observations, nulls included.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().fold(self.nulls, |sum, count| sum.saturating_add(*count))
    }

    /// Compares `current` with this reference. `None` if either side is empty: no data, no verdict.
    ///
    /// # Errors
    ///
    /// [`DriftError::Shape`] if the bins differ.
    pub fn compare(&self, current: &Self) -> Result<Option<Comparison>, DriftError> {
        self.same_bins(current)?;
        let (n, m) = (self.total(), current.total());
        if n == 0 || m == 0 {
            return Ok(None);
        }
        let columns: Vec<[f64; 2]> = (self.counts.iter().zip(&current.counts))
            .chain([(&self.nulls, &current.nulls)])
            .filter(|(r, c)| **r > 0 || **c > 0)
            .map(|(r, c)| [*r as f64, *c as f64])
            .collect();
        let sides = [0, 1].map(|side| columns.iter().map(|column| column[side]).collect::<Vec<f64>>());
        let bins = columns.len();
        let psi = half_filled_psi(&columns, n as f64, m as f64);
        let scale = 1.0 / n as f64 + 1.0 / m as f64;
        Ok(Some(Comparison {
            reference: n,
            current: m,
            bins,
            psi,
            psi_threshold: if bins > 1 { psi_threshold(n, m, bins, THRESHOLD_TAIL)? } else { 0.0 },
            psi_p_value: chi_square_tail(psi / scale, bins as f64 - 1.0),
            p_value: homogeneity(columns, n as f64, m as f64)?,
            jensen_shannon: jensen_shannon(&sides[0], &sides[1], LogBase::Two)?,
            hellinger: hellinger(&sides[0], &sides[1])?,
            kullback_leibler: kullback_leibler(&sides[0], &sides[1])?,
        }))
    }

    fn same_bins(&self, other: &Self) -> Result<(), DriftError> {
        if self.bins == other.bins && self.counts.len() == other.counts.len() {
            return Ok(());
        }
        Err(DriftError::Shape {
            field: "bins of the histogram",
            got: other.counts.len(),
            want: self.counts.len(),
        })
    }
}

fn half_filled_psi(columns: &[[f64; 2]], n: f64, m: f64) -> f64 {
    let term = |&[r, c]: &[f64; 2]| {
        let (r, c) = (r.max(0.5) / n, c.max(0.5) / m);
        (c - r) * (c / r).ln()
    };
    columns.iter().map(term).sum()
}

/// The p-value of a table with two rows and possibly sparse columns.
///
/// Columns with a too small expected count on the current side inflate Pearson's statistic. They are pooled. If the pool is
/// still too small, it is removed from the table and tested exactly: given the pool's total on both sides, the count of the
/// current side is binomial. Both tests are combined at twice the smaller p-value (Bonferroni).
fn homogeneity(columns: Vec<[f64; 2]>, n: f64, m: f64) -> Result<f64, DriftError> {
    let share = m / (n + m);
    let sparse = |column: &[f64; 2]| (column[0] + column[1]) * share.min(1.0 - share) < LEAST_EXPECTED;
    let (few, mut table): (Vec<[f64; 2]>, Vec<[f64; 2]>) =
        columns.into_iter().partition(|column| sparse(column));
    let pool = few.iter().fold([0.0; 2], |sum, column| [sum[0] + column[0], sum[1] + column[1]]);
    let mut exact = None;
    if pool[0] + pool[1] > 0.0 {
        if sparse(&pool) {
            exact = Some(binomial_two_sided(pool[1], pool[0] + pool[1], share));
        } else {
            table.push(pool);
        }
    }
    let pearson = if table.len() > 1 { Some(chi_square_table(&table)?.p_value) } else { None };
    Ok(match (pearson, exact) {
        (Some(a), Some(b)) => (2.0 * a.min(b)).min(1.0),
        (Some(p), None) | (None, Some(p)) => p,
        (None, None) => 1.0,
    })
}
