//! Statistics behind experiments, canary analyses and monitors.
//!
//! Everything here is pure: no clock, no randomness, no IO. Entities hold what these types fold; the numbers of
//! reference systems in `tests/vectors/` hold these types.
//!
//! - [`analysis`]: the effect of an experiment, under one look or many.
//! - [`canary`]: a candidate against its baseline, by Kayenta's judge and by a sequential one.
//! - [`drift`]: changes of a distribution, in batches and in streams.

pub mod analysis;
pub mod canary;
pub mod drift;
