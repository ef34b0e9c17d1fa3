//! How far two distributions over the same bins are apart.
//!
//! All take shares: non-negative numbers that sum to 1. Counts work too, since both sides are brought to a sum of 1.

use serde::{Deserialize, Serialize};

use super::chi_square::chi_square_quantile;
use crate::drift::error::{DriftError, ensure};

/// The share of an empty bin in a logarithm: the customary floor. [`super::Histogram::compare`]
/// knows the counts and uses half an observation instead.
const FLOOR: f64 = 1e-4;

/// The unit of an information.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogBase {
    /// Bits: a Jensen-Shannon distance is at most 1.
    #[default]
    Two,
    /// Nats.
    E,
}

/// The population stability index `sum (c - r) ln(c / r)`, symmetric and at least 0.
///
/// # Errors
///
/// [`DriftError::TooFew`], [`DriftError::Shape`] or [`DriftError::Value`] if the inputs are not shares over the
/// same bins.
pub fn psi(reference: &[f64], current: &[f64]) -> Result<f64, DriftError> {
    let pairs = shares(reference, current)?;
    let floored = pairs.into_iter().filter(|(r, c)| r + c > 0.0).map(|(r, c)| (r.max(FLOOR), c.max(FLOOR)));
    Ok(floored.map(|(r, c)| (c - r) * (c / r).ln()).sum())
}

/// What PSI over `bins` bins exceeds with probability `tail` if nothing has changed: `(1/n + 1/m)` times the
/// chi-square quantile with `bins - 1` degrees of freedom. `n` and `m` count both samples.
///
/// Source: Yurdakul and Naranjo, "Statistical properties of the population stability index" (2020).
///
/// # Errors
///
/// [`DriftError::Value`] for an empty sample, less than two bins, or a tail outside `0..1`.
pub fn psi_threshold(n: u64, m: u64, bins: usize, tail: f64) -> Result<f64, DriftError> {
    ensure(n > 0, "n", n as f64, "count at least one observation")?;
    ensure(m > 0, "m", m as f64, "count at least one observation")?;
    ensure(bins > 1, "bins", bins as f64, "give at least 2 bins")?;
    Ok((1.0 / n as f64 + 1.0 / m as f64) * chi_square_quantile(tail, bins as f64 - 1.0)?)
}

/// The Jensen-Shannon distance: the root of the mean divergence of both sides from their middle.
///
/// # Errors
///
/// As [`psi`].
pub fn jensen_shannon(reference: &[f64], current: &[f64], base: LogBase) -> Result<f64, DriftError> {
    let part = |x: f64, middle: f64| if x > 0.0 { x * (x / middle).ln() } else { 0.0 };
    let sum: f64 = shares(reference, current)?
        .into_iter()
        .map(|(r, c)| {
            let middle = f64::midpoint(r, c);
            part(r, middle) + part(c, middle)
        })
        .sum();
    let unit = match base {
        LogBase::Two => 2f64.ln(),
        LogBase::E => 1.0,
    };
    Ok((sum / 2.0 / unit).max(0.0).sqrt())
}

/// The Hellinger distance, in `0..=1`.
///
/// # Errors
///
/// As [`psi`].
pub fn hellinger(reference: &[f64], current: &[f64]) -> Result<f64, DriftError> {
    let sum: f64 = shares(reference, current)?.into_iter().map(|(r, c)| (r.sqrt() - c.sqrt()).powi(2)).sum();
    Ok((sum / 2.0).sqrt())
}

/// The Kullback-Leibler divergence `sum c ln(c / r)` of the current shares from the reference, in nats. A bin that
/// only the current side has counts against the floor, so that the result stays finite.
///
/// # Errors
///
/// As [`psi`].
pub fn kullback_leibler(reference: &[f64], current: &[f64]) -> Result<f64, DriftError> {
    let pairs = shares(reference, current)?.into_iter().filter(|(_, c)| *c > 0.0);
    Ok(pairs.map(|(r, c)| c * (c.ln() - if r > 0.0 { r } else { FLOOR }.ln())).sum())
}

/// Both sides, bin by bin, each brought to a sum of 1.
fn shares(reference: &[f64], current: &[f64]) -> Result<Vec<(f64, f64)>, DriftError> {
    if reference.len() != current.len() {
        return Err(DriftError::Shape { field: "current", got: current.len(), want: reference.len() });
    }
    let (r, c) = (sum(reference, "reference")?, sum(current, "current")?);
    Ok(reference.iter().zip(current).map(|(x, y)| (x / r, y / c)).collect())
}

fn sum(side: &[f64], field: &'static str) -> Result<f64, DriftError> {
    if side.is_empty() {
        return Err(DriftError::TooFew { field, least: 1 });
    }
    for &x in side {
        ensure(x.is_finite() && x >= 0.0, field, x, "give shares of at least 0")?;
    }
    let sum: f64 = side.iter().sum();
    ensure(sum.is_finite() && sum > 0.0, field, sum, "give at least one share above 0")?;
    Ok(sum)
}
