//! Tests that compare one batch with another.
//!
//! Two ways in. With both samples at hand: [`ks_two_sample`], [`mann_whitney()`], [`wasserstein()`], and on shares or a
//! table [`psi`], [`jensen_shannon`], [`hellinger`], [`kullback_leibler`], [`chi_square_table`]. Where observations
//! come one by one and are not kept: lay out [`Bins`] over the reference, fold into a [`Histogram`],
//! [`Histogram::compare`].
//!
//! The usual bands for PSI, 0.1 and 0.25, are no test: without any drift, PSI is distributed as `(1/n + 1/m)` times a
//! chi-square variable with `B - 1` degrees of freedom, so that 0.1 nearly always alarms at a hundred observations
//! and never at thousands. [`psi_threshold`] is the quantile of that law.
//!
//! [`Completeness`] counts nulls and values out of range, and [`Freshness`] tells the age of what came last.

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
