//! Welch's t-test: valid for one look at a time fixed in advance.

use serde::{Deserialize, Serialize};
use statrs::distribution::{Continuous, ContinuousCDF, Normal, StudentsT};

use super::effect::Effect;
use super::error::{AnalysisError, ensure_alpha};

/// The tested side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Both sides.
    #[default]
    Both,
    /// The second arm being greater.
    Greater,
    /// The second arm being less.
    Less,
}

/// The confidence interval and the p-value of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Test {
    /// The lower end of the interval; -infinity for the side `Less`.
    pub low: f64,
    /// The upper end of the interval; infinity for the side `Greater`.
    pub high: f64,
    /// The p-value.
    pub p: f64,
}

pub(super) fn normal() -> Normal {
    Normal::standard()
}

#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    normal().inverse_cdf(p)
}

/// Tests the effect against 0.
///
/// # Errors
/// [`AnalysisError::Value`] for an `alpha` outside `0..1` or an effect without degrees of freedom.
pub fn t_test(effect: &Effect, side: Side, alpha: f64) -> Result<Test, AnalysisError> {
    ensure_alpha(alpha)?;
    let bad = AnalysisError::Value { field: "dof", got: effect.dof, fix: "give an effect that varies" };
    let law = StudentsT::new(0.0, 1.0, effect.dof).map_err(|_| bad)?;
    let error = effect.variance.sqrt();
    let t = effect.difference / error;
    let tail = if side == Side::Both { alpha / 2.0 } else { alpha };
    let width = quantile(&law, 1.0 - tail) * error;
    let (low, high) = (effect.difference - width, effect.difference + width);
    Ok(match side {
        Side::Both => Test { low, high, p: 2.0 * law.cdf(-t.abs()) },
        Side::Greater => Test { low, high: f64::INFINITY, p: law.cdf(-t) },
        Side::Less => Test { low: f64::NEG_INFINITY, high, p: law.cdf(t) },
    })
}

/// statrs's quantile is accurate to eight digits; Newton steps on the distribution function add the rest.
fn quantile(law: &StudentsT, p: f64) -> f64 {
    let mut x = law.inverse_cdf(p);
    for _ in 0..3 {
        let step = (law.cdf(x) - p) / law.pdf(x);
        if !step.is_finite() {
            break;
        }
        x -= step;
    }
    x
}
