//! The chi-square distribution's tail, and the test of homogeneity on a table of counts.

use serde::{Deserialize, Serialize};
use statrs::function::erf::erfc;
use statrs::function::gamma::{gamma_ur, ln_gamma};

use crate::drift::error::{DriftError, ensure};

/// Above so many degrees of freedom, the cube root of the variable is taken for normal (Wilson and Hilferty, 1931):
/// there the incomplete gamma function is slow to converge, or does not.
const MOST_EXACT: f64 = 1e7;

/// Pearson's statistic on a table, and how likely one as large is if rows and columns are independent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChiSquareTest {
    /// The statistic.
    pub statistic: f64,
    /// Degrees of freedom.
    pub dof: u64,
    /// The p-value; 1 without degrees of freedom.
    pub p_value: f64,
}

/// Tests independence on a table of counts, as scipy's `chi2_contingency(correction=False)`. Rows and columns without
/// any count say nothing and are left out.
///
/// # Errors
///
/// [`DriftError::TooFew`] without a count, [`DriftError::Shape`] if rows differ in length, [`DriftError::Value`] for
/// a count that is negative or not finite.
pub fn chi_square_table<R: AsRef<[f64]>>(table: &[R]) -> Result<ChiSquareTest, DriftError> {
    let want = table.first().map_or(0, |row| row.as_ref().len());
    let mut columns = vec![0.0; want];
    let mut rows = Vec::with_capacity(table.len());
    for row in table.iter().map(AsRef::as_ref) {
        if row.len() != want {
            return Err(DriftError::Shape { field: "row of the table", got: row.len(), want });
        }
        for (sum, &count) in columns.iter_mut().zip(row) {
            ensure(
                count.is_finite() && count >= 0.0,
                "count in the table",
                count,
                "give counts of at least 0",
            )?;
            *sum += count;
        }
        rows.push(row.iter().sum::<f64>());
    }
    let total: f64 = rows.iter().sum();
    if total <= 0.0 {
        return Err(DriftError::TooFew { field: "table", least: 1 });
    }
    let mut statistic = 0.0;
    for (row, row_sum) in table.iter().zip(&rows).filter(|(_, sum)| **sum > 0.0) {
        for (&count, column_sum) in row.as_ref().iter().zip(&columns).filter(|(_, sum)| **sum > 0.0) {
            let expected = row_sum * column_sum / total;
            statistic += (count - expected) * (count - expected) / expected;
        }
    }
    let kept = |sums: &[f64]| sums.iter().filter(|sum| **sum > 0.0).count() as u64;
    let dof = (kept(&rows) - 1) * (kept(&columns) - 1);
    Ok(ChiSquareTest { statistic, dof, p_value: chi_square_tail(statistic, dof as f64) })
}

/// The probability that a chi-square variable with `dof` degrees of freedom is at least `x`; 1 for `x` or `dof` not
/// above 0, for NaN and for infinite `dof`: no evidence.
#[must_use]
pub fn chi_square_tail(x: f64, dof: f64) -> f64 {
    if x.is_nan() || x <= 0.0 || !dof.is_finite() || dof <= 0.0 {
        return 1.0;
    }
    // Chernoff's bound is below the least number there.
    if x > 20.0 * dof + 4000.0 {
        return 0.0;
    }
    if dof > MOST_EXACT {
        let spread = (2.0 / 9.0 / dof).max(f64::MIN_POSITIVE);
        let z = ((x / dof).cbrt() - (1.0 - spread)) / spread.sqrt();
        return (erfc(z / std::f64::consts::SQRT_2) / 2.0).clamp(0.0, 1.0);
    }
    gamma_ur(dof / 2.0, x / 2.0).clamp(0.0, 1.0)
}

/// What a chi-square variable exceeds with probability `tail`.
///
/// Newton's steps from the approximation of Wilson and Hilferty, kept inside a bracket.
///
/// # Errors
///
/// [`DriftError::Value`] unless `tail` is in `0..1` and `dof` is positive.
pub fn chi_square_quantile(tail: f64, dof: f64) -> Result<f64, DriftError> {
    ensure(tail > 0.0 && tail < 1.0, "tail", tail, "give a probability between 0 and 1")?;
    ensure(dof.is_finite() && dof > 0.0, "dof", dof, "give degrees of freedom above 0")?;
    let (mut low, mut high) = (0.0, dof.max(1.0));
    while chi_square_tail(high, dof) > tail {
        (low, high) = (high, high * 2.0);
    }
    let log_norm = -(dof / 2.0) * 2f64.ln() - ln_gamma(dof / 2.0);
    let mut x = f64::midpoint(low, high);
    for _ in 0..200 {
        let excess = chi_square_tail(x, dof) - tail;
        if excess > 0.0 {
            low = x
        } else {
            high = x
        }
        let density = (log_norm + (dof / 2.0 - 1.0) * x.ln() - x / 2.0).exp();
        let step = x + excess / density;
        let next = if step > low && step < high { step } else { f64::midpoint(low, high) };
        if (next - x).abs() <= x * 1e-15 {
            return Ok(next);
        }
        x = next;
    }
    Ok(x)
}
