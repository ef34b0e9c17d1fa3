//! Evaluation of feature flags and experiments, as the clients of GrowthBook and Unleash evaluate them.
//!
//! All functions are pure: no clock, no randomness, no IO.
//!
//! - [`growthbook`]: the variation of a subject, identical to GrowthBook's clients.
//! - [`unleash`]: a feature's state for a context, identical to Unleash's clients.

#![warn(clippy::disallowed_methods)]

pub mod growthbook;
pub mod unleash;
