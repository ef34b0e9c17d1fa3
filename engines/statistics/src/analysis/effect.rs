//! The difference between two arms with its variance.

use serde::{Deserialize, Serialize};

use super::error::AnalysisError;
use super::joint::{Joint, NUMBERS};

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// A number: the mean is compared.
    Mean,
    /// 0 or 1: the share is compared.
    Proportion,
    /// Two numbers: the ratio of their sums is compared, with its variance by the delta method.
    Ratio,
}

/// A metric and how two arms are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metric {
    /// The kind of the metric.
    pub shape: Shape,
    /// Whether the pre-exposure covariate is subtracted (CUPED).
    pub cuped: bool,
    /// Whether the difference is relative to the first arm's value.
    pub relative: bool,
}

/// The difference of the second arm from the first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// The difference, of adjusted values with CUPED.
    pub difference: f64,
    /// Its variance.
    pub variance: f64,
    /// Welch and Satterthwaite's degrees of freedom.
    pub dof: f64,
    /// The first arm's value, not adjusted.
    pub baseline: f64,
    /// The second arm's value, not adjusted.
    pub value: f64,
    /// Members of both arms.
    pub n: u64,
}

/// A quantile of one arm, in gbstats' form: the estimate and the 95 % interval of its order statistics.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct QuantileSample {
    /// Values.
    pub n: u64,
    /// Values that the interval was found with.
    pub n_star: u64,
    /// The quantile, 0 to 1.
    pub quantile: f64,
    /// The estimate.
    pub estimate: f64,
    /// The interval's lower end.
    pub lower: f64,
    /// The interval's upper end.
    pub upper: f64,
}

/// A value of an arm as a function of its means: the value, and its gradient.
pub(super) struct Along {
    pub(super) value: f64,
    pub(super) gradient: [f64; NUMBERS],
}

impl Shape {
    /// The metric, or with `before` its covariate.
    pub(super) fn along(self, joint: &Joint, before: bool) -> Along {
        let at = if before { 2 } else { 0 };
        let mut gradient = [0.0; NUMBERS];
        if self != Self::Ratio {
            gradient[at] = 1.0;
            return Along { value: joint.mean(at), gradient };
        }
        let (m, d) = (joint.mean(at), joint.mean(at + 1));
        gradient[at] = 1.0 / d;
        gradient[at + 1] = -m / (d * d);
        Along { value: m / d, gradient }
    }

    pub(super) fn variance(self, joint: &Joint, gradient: &[f64; NUMBERS]) -> f64 {
        if self == Self::Proportion && gradient[2] == 0.0 {
            let p = joint.mean(0);
            return p * (1.0 - p) * gradient[0] * gradient[0];
        }
        joint.covariance_along(gradient, gradient)
    }
}

pub(super) fn scaled(a: &[f64; NUMBERS], by: f64, b: &[f64; NUMBERS], and: f64) -> [f64; NUMBERS] {
    std::array::from_fn(|at| a[at] * by + b[at] * and)
}

/// The coefficient of the covariate that leaves the least variance: over both arms together for means (Deng et al.
/// 2013), arm by arm for ratios, as in gbstats. 0 if the covariate does not vary.
#[must_use]
pub fn theta(a: &Joint, b: &Joint, shape: Shape) -> f64 {
    let share = |arm: &Joint| {
        let (after, before) = (shape.along(arm, false).gradient, shape.along(arm, true).gradient);
        (arm.covariance_along(&after, &before), arm.covariance_along(&before, &before))
    };
    let (covariance, variance) = if shape == Shape::Ratio {
        let ((ca, va), (cb, vb)) = (share(a), share(b));
        let (na, nb) = (a.n as f64, b.n as f64);
        (ca / na + cb / nb, va / na + vb / nb)
    } else {
        share(&a.merged(b))
    };
    let theta = covariance / variance;
    if variance > 0.0 && theta.is_finite() { theta } else { 0.0 }
}

/// The difference of arm `b` from arm `a`.
///
/// # Errors
/// [`AnalysisError`] for too few members, no variance, or a relative effect on a baseline of 0.
pub fn effect(a: &Joint, b: &Joint, metric: Metric) -> Result<Effect, AnalysisError> {
    let Metric { shape, cuped, relative } = metric;
    for (arm, joint) in [("the first arm", a), ("the second arm", b)] {
        if joint.n < 2 {
            return Err(AnalysisError::TooFew { arm, got: joint.n });
        }
        if !joint.is_finite() {
            return Err(AnalysisError::NotFinite { field: arm });
        }
        if shape == Shape::Ratio && joint.sums[1] == 0.0 {
            return Err(AnalysisError::NoVariance { arm });
        }
    }
    let theta = if cuped { theta(a, b, shape) } else { 0.0 };
    let (after_a, after_b) = (shape.along(a, false), shape.along(b, false));
    let (before_a, before_b) = (shape.along(a, true), shape.along(b, true));
    let moved = if theta == 0.0 { 0.0 } else { theta * (before_b.value - before_a.value) };
    let difference = after_b.value - after_a.value - moved;
    let base = after_a.value;
    if relative && base == 0.0 {
        return Err(AnalysisError::NoBaseline);
    }
    let none = [0.0; NUMBERS];
    let (before_a, before_b) =
        if theta == 0.0 { (&none, &none) } else { (&before_a.gradient, &before_b.gradient) };
    let own_a = scaled(&after_a.gradient, 1.0, before_a, -theta);
    let own_b = scaled(&after_b.gradient, 1.0, before_b, -theta);
    let (va, vb) = (shape.variance(a, &own_a), shape.variance(b, &own_b));
    for (arm, variance) in [("the first arm", va), ("the second arm", vb)] {
        if variance.is_nan() || variance <= 0.0 {
            return Err(AnalysisError::NoVariance { arm });
        }
    }
    let (na, nb) = (a.n as f64, b.n as f64);
    let variance = if relative {
        // For a mean, gbstats uses the second arm's unadjusted value as the numerator.
        let reach = if shape == Shape::Ratio { base + difference } else { after_b.value };
        let along_a = scaled(&after_a.gradient, -reach / (base * base), before_a, theta / base);
        shape.variance(a, &along_a) / na + vb / (base * base * nb)
    } else {
        va / na + vb / nb
    };
    Ok(Effect {
        difference: if relative { difference / base } else { difference },
        variance,
        dof: welch(va, na, vb, nb),
        baseline: base,
        value: after_b.value,
        n: a.n + b.n,
    })
}

pub(super) fn welch(va: f64, na: f64, vb: f64, nb: f64) -> f64 {
    let (a, b) = (va / na, vb / nb);
    (a + b).powi(2) / (a * a / (na - 1.0) + b * b / (nb - 1.0))
}

/// The difference of two arms' quantiles, by the normal approximation of order statistics.
///
/// # Errors
/// As [`effect`]; too few values for the quantile count as no variance, as in gbstats.
pub fn effect_of_quantiles(
    a: &QuantileSample,
    b: &QuantileSample,
    relative: bool,
) -> Result<Effect, AnalysisError> {
    let z = super::fixed::normal_quantile(0.975);
    let variance = |arm: &'static str, sample: &QuantileSample| {
        let (n, q) = (sample.n as f64, sample.quantile);
        if sample.n < 2 {
            return Err(AnalysisError::TooFew { arm, got: sample.n });
        }
        let spread = (sample.upper - sample.lower) / (2.0 * z);
        let variance = sample.n_star as f64 / n * (n - 1.0) * spread * spread;
        let beyond = n <= z * z * q / (1.0 - q) || n <= z * z * (1.0 - q) / q;
        if beyond || (variance <= 0.0 && sample.n < 1_000) {
            return Err(AnalysisError::NoVariance { arm });
        }
        Ok(if sample.n < 100 { variance } else { variance.max(1e-5) })
    };
    let (va, vb) = (variance("the first arm", a)?, variance("the second arm", b)?);
    let (na, nb) = (a.n as f64, b.n as f64);
    let base = a.estimate;
    if relative && base == 0.0 {
        return Err(AnalysisError::NoBaseline);
    }
    let (difference, variance) = if relative {
        let whole = vb / (base * base * nb) + va * b.estimate * b.estimate / (base.powi(4) * na);
        ((b.estimate - base) / base, whole)
    } else {
        (b.estimate - base, va / na + vb / nb)
    };
    let dof = welch(va, na, vb, nb);
    Ok(Effect { difference, variance, dof, baseline: base, value: b.estimate, n: a.n + b.n })
}

/// CUPED on single values: the values less the covariate's prediction, and the coefficient.
///
/// # Errors
/// [`AnalysisError::TooFew`] for less than two values; [`AnalysisError::Value`] where not every value has a covariate.
pub fn cuped(values: &[f64], covariates: &[f64]) -> Result<(Vec<f64>, f64), AnalysisError> {
    if values.len() != covariates.len() {
        let (field, got) = ("covariates", covariates.len() as f64);
        return Err(AnalysisError::Value { field, got, fix: "give one for each value" });
    }
    if values.len() < 2 {
        return Err(AnalysisError::TooFew { arm: "values", got: values.len() as u64 });
    }
    let mut joint = Joint::default();
    values.iter().zip(covariates).for_each(|(y, x)| joint.fold([*y, 0.0, *x, 0.0]));
    let variance = joint.covariance(2, 2);
    let theta = if variance > 0.0 { joint.covariance(0, 2) / variance } else { 0.0 };
    let mean = joint.mean(2);
    Ok((values.iter().zip(covariates).map(|(y, x)| y - theta * (x - mean)).collect(), theta))
}
