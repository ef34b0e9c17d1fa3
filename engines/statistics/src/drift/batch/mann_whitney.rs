//! The Mann-Whitney U test, two-sided, as scipy's `mannwhitneyu(method="asymptotic")` computes it.

use serde::{Deserialize, Serialize};

use super::chi_square::chi_square_tail;
use crate::drift::error::{DriftError, ensure_finite};

/// Whether one of two samples tends to be larger.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MannWhitneyTest {
    /// Pairs in which the first sample's value is the larger; ties count one half.
    pub u: f64,
    /// The p-value by the normal distribution, corrected for ties and continuity; 1 if all values are equal.
    pub p_value: f64,
}

/// Tests whether the first or the second sample tends to be larger.
///
/// # Errors
///
/// [`DriftError::TooFew`] for an empty sample, [`DriftError::NotFinite`] for NaN or an infinity.
pub fn mann_whitney(first: &[f64], second: &[f64]) -> Result<MannWhitneyTest, DriftError> {
    ensure_finite(first, "first", 1)?;
    ensure_finite(second, "second", 1)?;
    let mut all: Vec<(f64, bool)> = first.iter().map(|&x| (x, true)).collect();
    all.extend(second.iter().map(|&x| (x, false)));
    all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut rank_sum, mut ties, mut before) = (0.0, 0.0, 0.0);
    for group in all.chunk_by(|a, b| a.0 == b.0) {
        let size = group.len() as f64;
        let mine = group.iter().filter(|(_, is_first)| *is_first).count() as f64;
        rank_sum += mine * (before + (size + 1.0) / 2.0);
        ties += size * size * size - size;
        before += size;
    }
    let (n, m) = (first.len() as f64, second.len() as f64);
    let total = n + m;
    let u = rank_sum - n * (n + 1.0) / 2.0;
    let variance = n * m / 12.0 * ((total + 1.0) - ties / (total * (total - 1.0)));
    let beyond = u.max(n * m - u) - n * m / 2.0 - 0.5;
    // The square of a normal variable is a chi-square variable, and its tail is more accurate than `erfc`.
    let p_value =
        if variance > 0.0 && beyond > 0.0 { chi_square_tail(beyond * beyond / variance, 1.0) } else { 1.0 };
    Ok(MannWhitneyTest { u, p_value })
}
