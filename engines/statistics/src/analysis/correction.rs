//! Corrections for multiple testing.

use serde::{Deserialize, Serialize};

/// The correction method.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Correction {
    /// No correction.
    #[default]
    None,
    /// Bonferroni: each p-value times their number.
    Bonferroni,
    /// Holm's step-down procedure: bounds the family-wise error rate.
    Holm,
    /// Benjamini and Hochberg's step-up procedure: bounds the false discovery rate.
    BenjaminiHochberg,
}

/// The corrected p-values in their order, each to be compared with alpha. NaN counts as 1.
#[must_use]
pub fn adjusted(p_values: &[f64], correction: Correction) -> Vec<f64> {
    let sound = |p: f64| if p.is_nan() { 1.0 } else { p.clamp(0.0, 1.0) };
    let p: Vec<f64> = p_values.iter().copied().map(sound).collect();
    let m = p.len() as f64;
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut found = p.clone();
    match correction {
        Correction::None => {}
        Correction::Bonferroni => found.iter_mut().for_each(|p| *p = (*p * m).min(1.0)),
        Correction::Holm => {
            let mut least = 0.0_f64;
            for (rank, at) in order.iter().enumerate() {
                least = least.max(p[*at] * (m - rank as f64)).min(1.0);
                found[*at] = least;
            }
        }
        Correction::BenjaminiHochberg => {
            let mut most = 1.0_f64;
            for (rank, at) in order.iter().enumerate().rev() {
                most = most.min(p[*at] * m / (rank as f64 + 1.0));
                found[*at] = most;
            }
        }
    }
    found
}
