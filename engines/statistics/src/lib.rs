//! Statistics behind experiments, canary analyses and monitors.
//!
//! All functions are pure: no clock, no randomness, no IO. Entities store the states of these types. The vectors of reference
//! systems in `tests/vectors/` verify their results.
//!
//! - [`analysis`]: the effect of an experiment, under one look or many.
//! - [`canary`]: a candidate against its baseline, by Kayenta's judge and by a sequential one.
//! - [`drift`]: changes of a distribution, in batches and in streams.

#![warn(clippy::disallowed_methods)]

pub mod analysis;
pub mod canary;
pub mod drift;
