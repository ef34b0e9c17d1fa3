//! Whole distributions, and so quantiles, bounded at all times at once.

use super::error::{AnalysisError, ensure, ensure_alpha};

/// How far the distribution of `t` values may lie from the true one, anywhere and at any time, with a chance of error of
/// `alpha`: `.85 sqrt((ln ln (e t) + .8 ln (1612 / alpha)) / t)` (Howard and Ramdas 2022).
///
/// # Errors
/// [`AnalysisError::Value`] for an `alpha` that is no probability or no value at all.
pub fn dkw_epsilon(t: u64, alpha: f64) -> Result<f64, AnalysisError> {
    ensure_alpha(alpha)?;
    ensure(t > 0, "t", 0.0, "wait for a value")?;
    let t = t as f64;
    Ok(0.85 * (((std::f64::consts::E * t).ln().ln() + 0.8 * (1612.0 / alpha).ln()) / t).sqrt())
}

/// The band in which a quantile lies at all times at once: the quantiles at `q` less and more the distance. `quantile`
/// gives the sample's own, an infinity beyond the shares 0 and 1, none for no sample.
///
/// # Errors
/// As [`dkw_epsilon`].
pub fn quantile_band(
    t: u64,
    q: f64,
    alpha: f64,
    quantile: impl Fn(f64) -> Option<f64>,
) -> Result<Option<(f64, f64)>, AnalysisError> {
    ensure(q > 0.0 && q < 1.0, "quantile", q, "give a share between 0 and 1")?;
    let epsilon = dkw_epsilon(t, alpha)?;
    Ok(quantile(q - epsilon).zip(quantile(q + epsilon)))
}
