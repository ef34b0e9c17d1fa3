//! Power analysis: members needed, the least detectable effect, and the power. Two arms of equal size, two-sided, by the
//! normal approximation.

use statrs::distribution::ContinuousCDF;

use super::error::{AnalysisError, ensure, ensure_alpha};
use super::fixed::{normal, normal_quantile};

fn check(deviation: f64, alpha: f64, power: f64) -> Result<f64, AnalysisError> {
    ensure_alpha(alpha)?;
    let fix = "give the standard deviation of a member's value";
    ensure(deviation.is_finite() && deviation > 0.0, "deviation", deviation, fix)?;
    ensure(power > 0.0 && power < 1.0, "power", power, "give a chance between 0 and 1, as .8")?;
    Ok(normal_quantile(1.0 - alpha / 2.0) + normal_quantile(power))
}

/// Members per arm to detect a difference of `effect` with this power.
///
/// # Errors
/// [`AnalysisError::Value`] for an option out of range.
pub fn members_needed(effect: f64, deviation: f64, alpha: f64, power: f64) -> Result<f64, AnalysisError> {
    ensure(effect.is_finite() && effect != 0.0, "effect", effect, "give a difference other than 0")?;
    Ok((2.0 * (check(deviation, alpha, power)? * deviation / effect).powi(2)).ceil())
}

/// The least difference that arms of `members` members detect with this power.
///
/// # Errors
/// [`AnalysisError::Value`] for an option out of range.
pub fn least_effect(members: f64, deviation: f64, alpha: f64, power: f64) -> Result<f64, AnalysisError> {
    ensure(members >= 2.0, "members", members, "give at least 2 for each arm")?;
    Ok(check(deviation, alpha, power)? * deviation * (2.0 / members).sqrt())
}

/// The power of arms of `members` members for a difference of `effect`.
///
/// # Errors
/// [`AnalysisError::Value`] for an option out of range.
pub fn chance(members: f64, effect: f64, deviation: f64, alpha: f64) -> Result<f64, AnalysisError> {
    ensure(members >= 2.0, "members", members, "give at least 2 for each arm")?;
    check(deviation, alpha, 0.5)?;
    let z = effect.abs() / (deviation * (2.0 / members).sqrt());
    let reach = normal_quantile(1.0 - alpha / 2.0);
    Ok(normal().cdf(z - reach) + normal().cdf(-z - reach))
}
