//! Tests valid at any number of looks: the asymptotic confidence sequence, and the mixture sequential probability ratio test
//! (mSPRT).

use serde::{Deserialize, Serialize};

use super::effect::Effect;
use super::error::{AnalysisError, ensure, ensure_alpha};
use super::fixed::{Side, Test};

/// The number of members at which the sequence is tightest, as in GrowthBook.
pub const SAMPLES_TUNED_FOR: f64 = 5_000.0;

/// The least p-value of the search of a one-sided sequence.
const P_MIN: f64 = 1e-5;
/// The largest: above one half, a one-sided sequence is not informative.
const P_MAX: f64 = 0.4999;

/// The mixture's scale, tuned for `samples` members (Waudby-Smith et al. 2021, eq. 161).
#[must_use]
pub fn rho(alpha: f64, samples: f64) -> f64 {
    let l = -2.0 * alpha.ln();
    ((l + (l + 1.0).ln()) / samples).sqrt()
}

/// Half the width of the sequence after `n` members, for a difference with variance `s2 / n` (same paper, eq. 9).
#[must_use]
pub fn half_width(n: f64, s2: f64, alpha: f64, rho: f64) -> f64 {
    let r = n * rho * rho + 1.0;
    s2.sqrt() * (2.0 * r * (r.sqrt() / alpha).ln() / (n * rho).powi(2)).sqrt()
}

/// The same for one side (same paper, eq. 134).
fn half_width_of_one_side(n: f64, s2: f64, alpha: f64, rho: f64) -> f64 {
    let r = n * rho * rho + 1.0;
    s2.sqrt() * (2.0 * r * (r.sqrt() / (2.0 * alpha)).ln_1p() / (n * rho).powi(2)).sqrt()
}

/// Tests the effect against 0, valid at every look. `samples` is the number of members at which the sequence is tightest.
///
/// # Errors
/// [`AnalysisError::Value`] for an `alpha` outside `0..1` or a `samples` not above 0.
pub fn sequential(effect: &Effect, side: Side, alpha: f64, samples: f64) -> Result<Test, AnalysisError> {
    ensure_alpha(alpha)?;
    ensure(samples > 0.0, "samples", samples, "give the number of members that are expected")?;
    let Effect { difference, variance, n, .. } = *effect;
    let n = n as f64;
    let s2 = variance * n;
    if side == Side::Both {
        let rho = rho(alpha, samples);
        let width = half_width(n, s2, alpha, rho);
        // Same paper, eq. 155.
        let r = n * rho * rho + 1.0;
        let surprise = difference * difference * n / variance;
        let log_e = rho * rho * surprise / (2.0 * r) - r.ln() / 2.0;
        return Ok(Test { low: difference - width, high: difference + width, p: (-log_e).exp().min(1.0) });
    }
    let width = |alpha: f64| half_width_of_one_side(n, s2, alpha, rho(2.0 * alpha, samples));
    let toward = if side == Side::Greater { difference } else { -difference };
    let reached = |alpha: f64| toward - width(alpha) > 0.0;
    let p = if !reached(P_MAX) {
        P_MAX
    } else if reached(P_MIN) {
        P_MIN
    } else {
        let (mut low, mut high) = (P_MIN, P_MAX);
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if reached(middle) { high = middle } else { low = middle }
        }
        high
    };
    // From one half on the scale is not a number: one side is then the whole line.
    let width = if alpha < 0.5 { width(alpha) } else { 0.0 };
    Ok(if side == Side::Greater {
        Test { low: difference - width, high: f64::INFINITY, p }
    } else {
        Test { low: f64::NEG_INFINITY, high: difference + width, p }
    })
}

/// The mixture sequential probability ratio test of a difference of means against 0, under a normal mixture of effects.
///
/// Source: Johari et al. 2017. `ln L = ln(V / (V + n t2)) / 2 + n^2 t2 d^2 / (2 V (V + n t2))` after `n` pairs with the
/// difference `d`, with the variances of both arms summing to `V`; `p` is `1 / L` at its least so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Msprt {
    tau2: f64,
    p: f64,
}

impl Msprt {
    /// A test without data. `tau2` is the variance of the expected effects.
    ///
    /// # Errors
    /// [`AnalysisError::Value`] for a variance that is not above 0.
    pub fn new(tau2: f64) -> Result<Self, AnalysisError> {
        ensure(tau2.is_finite() && tau2 > 0.0, "tau2", tau2, "give the variance of the effects expected")?;
        Ok(Self { tau2, p: 1.0 })
    }

    /// The logarithm of the likelihood ratio.
    #[must_use]
    pub fn log_ratio(&self, pairs: f64, difference: f64, variances: f64) -> f64 {
        let whole = variances + pairs * self.tau2;
        (variances / whole).ln() / 2.0
            + pairs * pairs * self.tau2 * difference * difference / (2.0 * variances * whole)
    }

    /// Takes one more look and returns the p-value, which never rises.
    pub fn look(&mut self, pairs: f64, difference: f64, variances: f64) -> f64 {
        let p = (-self.log_ratio(pairs, difference, variances)).exp();
        if p.is_finite() {
            self.p = self.p.min(p);
        }
        self.p
    }
}
