//! Time-uniform confidence bands of distributions and quantiles.

use super::error::{AnalysisError, ensure, ensure_alpha};

/// The largest distance between the empirical distribution of `t` values and the true one, at all times simultaneously,
/// with error probability `alpha`: `.85 sqrt((ln ln (e t) + .8 ln (1612 / alpha)) / t)` (Howard and Ramdas 2022).
///
/// # Errors
/// [`AnalysisError::Value`] for an `alpha` outside `0..1` or `t` = 0.
pub fn dkw_epsilon(t: u64, alpha: f64) -> Result<f64, AnalysisError> {
    ensure_alpha(alpha)?;
    ensure(t > 0, "t", 0.0, "wait for a value")?;
    let t = t as f64;
    Ok(0.85 * (((std::f64::consts::E * t).ln().ln() + 0.8 * (1612.0 / alpha).ln()) / t).sqrt())
}

/// The band that contains a quantile at all times simultaneously: the quantiles at `q` minus and plus the distance.
/// `quantile` returns the sample's quantile: +-infinity if its argument is outside [0, 1], `None` for an empty sample.
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
