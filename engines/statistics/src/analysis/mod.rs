//! Analysis of experiments: effects and their intervals from sums, for one look or sequential looks.
//!
//! - [`Joint`] holds the sums of an arm, of constant size. [`effect()`] is the difference of two arms, for means,
//!   proportions and ratios, with or without CUPED. [`Contrast`] is the basis of decisions and gives the relative interval
//!   that agrees with them.
//! - [`t_test`] is valid for one look; [`sequential()`], [`Msprt`] and [`CountProcess`] for any number of looks.
//!   [`posterior`] gives chances and expected losses under a prior.
//! - [`srm_p`] and [`CountProcess`] detect sample ratio mismatch.
//! - [`dkw_epsilon`] bounds a whole distribution, and so every quantile, at all times simultaneously.
//! - [`adjusted`] corrects for multiple testing; [`power`] computes sample sizes and detectable effects.
//!
//! Sources: gbstats (GrowthBook) for effects, t-tests and posteriors; Waudby-Smith et al. 2021 (arXiv 2103.06476) for the
//! asymptotic confidence sequence; Johari et al. 2017 for mSPRT; Lindon and Malek 2022 (arXiv 2011.03567) for counts; Howard
//! and Ramdas 2022 (arXiv 1906.09712) for distributions.

mod bayes;
mod contrast;
mod correction;
mod counts;
mod effect;
mod error;
mod fixed;
mod joint;
pub mod power;
mod quantiles;
mod sequential;
mod srm;

#[cfg(test)]
mod tests;

pub use bayes::{Posterior, Prior, posterior};
pub use contrast::Contrast;
pub use correction::{Correction, adjusted};
pub use counts::CountProcess;
pub use effect::{Effect, Metric, QuantileSample, Shape, cuped, effect, effect_of_quantiles, theta};
pub use error::AnalysisError;
pub use fixed::normal_quantile;
pub use fixed::{Side, Test, t_test};
pub use joint::Joint;
pub use quantiles::{dkw_epsilon, quantile_band};
pub use sequential::{Msprt, SAMPLES_TUNED_FOR, half_width, rho, sequential};
pub use srm::srm_p;
