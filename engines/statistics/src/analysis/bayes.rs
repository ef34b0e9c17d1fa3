//! The posterior of an effect under a normal prior: chances and expected losses.

use serde::{Deserialize, Serialize};
use statrs::distribution::{Continuous, ContinuousCDF};

use super::effect::Effect;
use super::error::{AnalysisError, ensure, ensure_alpha};
use super::fixed::{normal, normal_quantile};

/// The normal prior of the effect, in the effect's unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Prior {
    /// The mean.
    pub mean: f64,
    /// The variance.
    pub variance: f64,
}

/// The posterior of the effect.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Posterior {
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub deviation: f64,
    /// The lower end of the credible interval.
    pub low: f64,
    /// The upper end of the credible interval.
    pub high: f64,
    /// Probability that the second arm is greater.
    pub chance: f64,
    /// Expected loss of choosing the first arm.
    pub risk_of_first: f64,
    /// Expected loss of choosing the second arm.
    pub risk_of_second: f64,
}

/// Computes the posterior; without a prior, from the data alone.
///
/// # Errors
/// [`AnalysisError::Value`] for an `alpha` outside `0..1` or a prior without variance.
pub fn posterior(effect: &Effect, prior: Option<Prior>, alpha: f64) -> Result<Posterior, AnalysisError> {
    ensure_alpha(alpha)?;
    let (mut mean, mut precision) = (effect.difference, 1.0 / effect.variance);
    if let Some(prior) = prior {
        let fix = "give a prior with a variance above 0";
        ensure(prior.variance > 0.0, "prior.variance", prior.variance, fix)?;
        let both = precision + 1.0 / prior.variance;
        mean = (mean * precision + prior.mean / prior.variance) / both;
        precision = both;
    }
    let deviation = precision.recip().sqrt();
    let reach = normal_quantile(1.0 - alpha / 2.0) * deviation;
    let z = mean / deviation;
    // The mean of a normal distribution truncated at 0, times the remaining mass; both sides differ by the mean.
    let density = normal().pdf(z) * deviation;
    let chance = normal().cdf(z);
    let risk_of_first = (mean * chance + density).max(0.0);
    let risk_of_second = lower_tail_risk(z, deviation, density);
    let (low, high) = (mean - reach, mean + reach);
    Ok(Posterior { mean, deviation, low, high, chance, risk_of_first, risk_of_second })
}

/// `E[max(0, -effect)]`. Far from 0 the plain formula is the difference of two equal numbers, so the tail's own series
/// takes over: `pdf(z) (1/z^2 - 3/z^4 + ...)` times the deviation.
fn lower_tail_risk(z: f64, deviation: f64, density: f64) -> f64 {
    if z > 6.0 {
        let w = 1.0 / (z * z);
        let series =
            w * (1.0 - w * (3.0 - w * (15.0 - w * (105.0 - w * (945.0 - w * (10_395.0 - w * 135_135.0))))));
        return density * series;
    }
    (density - z * deviation * normal().cdf(-z)).max(0.0)
}
