//! The two-sample Kolmogorov-Smirnov test, two-sided, as scipy's `ks_2samp` computes it.

use serde::{Deserialize, Serialize};

use super::kolmogorov::kolmogorov_tail;
use crate::drift::error::{DriftError, ensure_finite};

/// Up to this many observations in each sample, [`KsMethod::Auto`] is exact.
const MOST_EXACT: usize = 10_000;

/// How the p-value is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KsMethod {
    /// Exact up to 10,000 observations in each sample.
    #[default]
    Auto,
    /// By counting lattice paths, in time and the product of both sizes.
    Exact,
    /// By the one-sample distribution at `round(n m / (n + m))`.
    Asymptotic,
}

/// The largest distance between two empirical distributions, and how likely one as large is without drift.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KsTest {
    /// The distance `D`, in `0..=1`.
    pub statistic: f64,
    /// The p-value.
    pub p_value: f64,
    /// Whether the p-value is exact.
    pub exact: bool,
}

/// Tests whether two samples come from one continuous distribution.
///
/// # Errors
///
/// [`DriftError::TooFew`] for an empty sample, [`DriftError::NotFinite`] for NaN or an infinity.
pub fn ks_two_sample(reference: &[f64], current: &[f64], method: KsMethod) -> Result<KsTest, DriftError> {
    ensure_finite(reference, "reference", 1)?;
    ensure_finite(current, "current", 1)?;
    let (mut a, mut b) = (reference.to_vec(), current.to_vec());
    a.sort_unstable_by(f64::total_cmp);
    b.sort_unstable_by(f64::total_cmp);
    Ok(ks_sorted(&a, &b, method))
}

/// The test on two sorted, finite, non-empty samples.
fn ks_sorted(a: &[f64], b: &[f64], method: KsMethod) -> KsTest {
    let statistic = largest_distance(a, b);
    let exact = match method {
        KsMethod::Auto => a.len().max(b.len()) <= MOST_EXACT,
        KsMethod::Exact => true,
        KsMethod::Asymptotic => false,
    };
    if exact && let Some((statistic, p_value)) = exact_tail(a.len(), b.len(), statistic) {
        return KsTest { statistic, p_value, exact: true };
    }
    let (n, m) = (a.len() as f64, b.len() as f64);
    let size = (n.max(m) * n.min(m) / (n + m)).round_ties_even();
    // One observation against one: scipy returns no number; here the p-value is 1.
    let p_value = kolmogorov_tail(size as u64, statistic);
    KsTest { statistic, p_value, exact: false }
}

/// The test on two samples of `size` with distributions at most `steps` observations apart.
pub(crate) fn ks_equal_sizes(size: u32, steps: u32) -> KsTest {
    let statistic = f64::from(steps) / f64::from(size);
    if let Some((statistic, p_value)) = exact_tail(size as usize, size as usize, statistic) {
        return KsTest { statistic, p_value, exact: true };
    }
    let half = (f64::from(size) / 2.0).round_ties_even();
    KsTest { statistic, p_value: kolmogorov_tail(half as u64, statistic), exact: false }
}

/// One walk over both samples; equal values are passed together.
fn largest_distance(a: &[f64], b: &[f64]) -> f64 {
    let (mut i, mut j) = (0, 0);
    let (mut above, mut below) = (0.0f64, 0.0f64);
    while i < a.len() && j < b.len() {
        let x = a[i].min(b[j]);
        while i < a.len() && a[i] <= x {
            i += 1;
        }
        while j < b.len() && b[j] <= x {
            j += 1;
        }
        let difference = i as f64 / a.len() as f64 - j as f64 / b.len() as f64;
        above = above.max(difference);
        below = below.max(-difference);
    }
    above.max(below)
}

/// The distance as a whole number of steps, and its exact tail. `None` if the steps do not fit or rounding left
/// `0..=1`: then the asymptotic value is the better one, as scipy holds too.
fn exact_tail(n: usize, m: usize, statistic: f64) -> Option<(f64, f64)> {
    let common = gcd(n as u64, m as u64);
    let steps = (n as u64 / common).checked_mul(m as u64).filter(|&all| all < 1 << 31)?;
    let h = (statistic * steps as f64).round_ties_even();
    if h == 0.0 {
        return Some((0.0, 1.0));
    }
    let tail =
        if n == m { outside_square(n as f64, h) } else { outside_band(n as u64, m as u64, common, h as u64) };
    (0.0..=1.0).contains(&tail).then_some((h / steps as f64, tail))
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The share of lattice paths in an `n` by `n` square that leave the diagonal band of half-width `h`: an alternating
/// sum of binomials, nested so that it does not cancel.
fn outside_square(n: f64, h: f64) -> f64 {
    let mut share = 0.0;
    let mut k = (n / h).floor();
    while k >= 0.0 {
        let mut factor = 1.0;
        let mut j = 0.0;
        while j < h {
            factor = (n - k * h - j) * factor / (n + k * h + j + 1.0);
            j += 1.0;
        }
        share = factor * (1.0 - share);
        k -= 1.0;
    }
    2.0 * share
}

/// The share of lattice paths from the origin to `(m, n)` that touch or leave the band of half-width `h` around the
/// diagonal, column by column (Hodges, 1958): each cell is the chance that a random path through it has left before.
fn outside_band(n: u64, m: u64, common: u64, h: u64) -> f64 {
    let (long, short) = (n.max(m), n.min(m));
    let (step_long, step_short) = (long / common, short / common);
    let first_above = |x: u64| (step_short * x + h).div_ceil(step_long).min(short + 1) as usize;
    let mut outside = vec![1.0f64; short as usize + 2];
    let mut top = first_above(0);
    outside[..top].fill(0.0);
    let mut bottom = 0usize;
    for x in 1..=long {
        bottom = match (step_short * x).checked_sub(h) {
            Some(under) => ((under / step_long + 1).min(short)) as usize,
            None => 0,
        };
        top = first_above(x);
        if top <= bottom {
            return 1.0;
        }
        let mut chance = if bottom == 0 { 0.0 } else { 1.0 };
        for (y, cell) in outside.iter_mut().enumerate().take(top).skip(bottom) {
            chance = (*cell * x as f64 + chance * y as f64) / (x as f64 + y as f64);
            *cell = chance;
        }
    }
    outside[top.max(bottom + 1) - 1]
}
