//! Tests that compare one batch with another.
//!
//! With both samples in memory, use [`ks_two_sample`], [`mann_whitney()`] or [`wasserstein()`]. On shares or a table, use
//! [`psi`], [`jensen_shannon`], [`hellinger`], [`kullback_leibler`] or [`chi_square_table`]. For a stream, lay out [`Bins`]
//! over the reference, fold the observations into a [`Histogram`] and call [`Histogram::compare`].
//!
//! The usual PSI thresholds of 0.1 and 0.25 are not a test. Without drift, PSI is distributed as `(1/n + 1/m)` times a
//! chi-square variable with `B - 1` degrees of freedom. So 0.1 nearly always alarms at a hundred observations and never at
//! thousands. [`psi_threshold`] is the quantile of that distribution.
//!
//! [`Completeness`] counts nulls and values out of range, and [`Freshness`] gives the age of the latest event.

mod bins;
mod chi_square;
mod divergence;
mod histogram;
mod kolmogorov;
mod ks;
mod mann_whitney;
mod quality;
mod wasserstein;

#[cfg(test)]
mod tests;

pub use bins::Bins;
pub use chi_square::{ChiSquareTest, chi_square_quantile, chi_square_table, chi_square_tail};
pub use divergence::{LogBase, hellinger, jensen_shannon, kullback_leibler, psi, psi_threshold};
pub use histogram::{Comparison, Histogram};
pub use kolmogorov::kolmogorov_tail;
pub(crate) use ks::ks_equal_sizes;
pub use ks::{KsMethod, KsTest, ks_two_sample};
pub use mann_whitney::{MannWhitneyTest, mann_whitney};
pub use quality::{Completeness, Expectation, Fresh, Freshness, Unmet};
pub use wasserstein::{wasserstein, wasserstein_normed};
