//! The first Wasserstein distance: how far, on average, the mass of one sample has to be moved to become the other.

use crate::drift::error::{DriftError, ensure, ensure_finite};

/// The distance in the unit of the samples: the area between both empirical distributions, as scipy's
/// `wasserstein_distance`. Infinite if samples are further apart than the largest number.
///
/// # Errors
///
/// [`DriftError::TooFew`] for an empty sample, [`DriftError::NotFinite`] for NaN or an infinity.
pub fn wasserstein(reference: &[f64], current: &[f64]) -> Result<f64, DriftError> {
    ensure_finite(reference, "reference", 1)?;
    ensure_finite(current, "current", 1)?;
    let (mut a, mut b) = (reference.to_vec(), current.to_vec());
    a.sort_unstable_by(f64::total_cmp);
    b.sort_unstable_by(f64::total_cmp);
    let (mut i, mut j, mut area) = (0, 0, 0.0);
    let mut at = a[0].min(b[0]);
    while i < a.len() || j < b.len() {
        let next = match (a.get(i), b.get(j)) {
            (Some(&x), Some(&y)) => x.min(y),
            (Some(&x), None) => x,
            (None, Some(&y)) => y,
            (None, None) => break,
        };
        let apart = (i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs();
        // Without this, a gap wider than the largest number would make 0 times infinity.
        if apart > 0.0 {
            area += apart * (next - at);
        }
        at = next;
        i += a[i..].iter().take_while(|&&x| x <= at).count();
        j += b[j..].iter().take_while(|&&y| y <= at).count();
    }
    Ok(area)
}

/// The distance in standard deviations of the reference (divided by `n`), which makes features comparable.
///
/// # Errors
///
/// As [`wasserstein()`], and [`DriftError::Value`] if the reference is constant: it has no scale.
pub fn wasserstein_normed(reference: &[f64], current: &[f64]) -> Result<f64, DriftError> {
    let distance = wasserstein(reference, current)?;
    let n = reference.len() as f64;
    let mean = reference.iter().sum::<f64>() / n;
    let deviation = (reference.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n).sqrt();
    let fix = "use the plain distance for a constant reference";
    ensure(deviation.is_finite() && deviation > 0.0, "standard deviation of reference", deviation, fix)?;
    Ok(distance / deviation)
}
