//! The sample ratio mismatch test for one look.

use super::error::{AnalysisError, ensure};
use crate::drift::batch::chi_square_tail;

/// The p-value of Pearson's test. Arms of weight 0 are left out, as in gbstats; without members it is 1.
///
/// # Errors
/// [`AnalysisError::Value`] if weights and arms differ in number, or no weight is above 0.
pub fn srm_p(members: &[u64], weights: &[f64]) -> Result<f64, AnalysisError> {
    let fix = "give one weight for each arm, at least 2";
    ensure(members.len() == weights.len() && members.len() >= 2, "weights", weights.len() as f64, fix)?;
    let whole: f64 = weights.iter().filter(|weight| **weight > 0.0).sum();
    ensure(whole > 0.0 && whole.is_finite(), "weights", whole, "give weights above 0")?;
    let total = members.iter().sum::<u64>() as f64;
    if total == 0.0 {
        return Ok(1.0);
    }
    let arms = members.iter().zip(weights).filter(|(_, weight)| **weight > 0.0);
    let x = arms.map(|(n, weight)| {
        let expected = weight / whole * total;
        (*n as f64 - expected).powi(2) / expected
    });
    Ok(chi_square_tail(x.sum(), members.len() as f64 - 1.0))
}
