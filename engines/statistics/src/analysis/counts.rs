//! A sequential test that counts follow given shares.

use serde::{Deserialize, Serialize};
use statrs::function::gamma::ln_gamma;

use super::error::{AnalysisError, ensure};

/// The multinomial e-process of Lindon and Malek (2022): evidence against the intended shares, valid at every look. With
/// members it detects sample ratio mismatch. With events it tests that Poisson processes have intensities in these shares,
/// for any common variation over time.
///
/// `ln E = ln B(k s + n) - ln B(k s) - sum n_i ln s_i` with shares `s`, counts `n` and concentration `k`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CountProcess {
    shares: Vec<f64>,
    concentration: f64,
    p: f64,
}

impl CountProcess {
    /// A process without counts. Shares are scaled to sum to 1; a concentration of 100 detects differences of a few
    /// percent.
    ///
    /// # Errors
    /// [`AnalysisError::Value`] for less than two shares or one that is not above 0.
    pub fn new(shares: &[f64], concentration: f64) -> Result<Self, AnalysisError> {
        ensure(shares.len() >= 2, "shares", shares.len() as f64, "give at least 2")?;
        if let Some(bad) = shares.iter().find(|share| !(share.is_finite() && **share > 0.0)) {
            return Err(AnalysisError::Value { field: "shares", got: *bad, fix: "give shares above 0" });
        }
        let fix = "give a concentration above 0, as 100";
        ensure(concentration.is_finite() && concentration > 0.0, "concentration", concentration, fix)?;
        let whole: f64 = shares.iter().sum();
        Ok(Self { shares: shares.iter().map(|share| share / whole).collect(), concentration, p: 1.0 })
    }

    /// The logarithm of the evidence against the shares.
    #[must_use]
    pub fn log_evidence(&self, counts: &[u64]) -> f64 {
        let prior = self.shares.iter().map(|share| share * self.concentration);
        let with: Vec<f64> = prior.clone().zip(counts).map(|(prior, n)| prior + *n as f64).collect();
        let prior: Vec<f64> = prior.collect();
        let surprise: f64 = self.shares.iter().zip(counts).map(|(share, n)| *n as f64 * share.ln()).sum();
        ln_beta(&with) - ln_beta(&prior) - surprise
    }

    /// Takes the counts so far and returns the p-value, which never rises.
    pub fn look(&mut self, counts: &[u64]) -> f64 {
        self.p = self.p.min((-self.log_evidence(counts)).exp());
        self.p
    }
}

fn ln_beta(of: &[f64]) -> f64 {
    of.iter().map(|x| ln_gamma(*x)).sum::<f64>() - ln_gamma(of.iter().sum())
}
