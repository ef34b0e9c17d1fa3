//! What makes up for many tests at once.

use serde::{Deserialize, Serialize};

/// Which.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Correction {
    /// Nothing.
    #[default]
    None,
    /// Each p-value times their number.
    Bonferroni,
    /// Holm's step-down procedure: the chance of any false discovery.
    Holm,
    /// Benjamini and Hochberg's step-up procedure: the share of false discoveries.
    BenjaminiHochberg,
}

/// The p-values after the correction, in their order: each is to be compared with the whole alpha. NaN is taken for 1.
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
