//! Evaluation of feature flags and experiments, as the clients of GrowthBook and Unleash evaluate them.
//!
//! Everything here is pure: no clock, no randomness, no IO.
//!
//! - [`growthbook`]: the variation of a subject, bit for bit as GrowthBook's clients decide it.
//! - [`unleash`]: a feature's state for a context, as Unleash's clients decide it.

pub mod growthbook;
pub mod unleash;
