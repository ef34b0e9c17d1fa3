//! What watches numbers and decides: the statistics behind experiments, canary analyses and monitors.
//!
//! Everything here is pure: no clock, no randomness, no IO. Entities hold what these types fold; the numbers of
//! reference systems in `tests/vectors/` hold these types.
//!
//! - [`growthbook`]: which variant a subject sees, bit for bit as GrowthBook's clients decide it.
//! - [`unleash`]: whether a feature is on for a context, as Unleash's clients decide it.
//! - [`analysis`]: whether an experiment was worth it, under one look or many.
//! - [`canary`]: whether a candidate is as good as the baseline, as Kayenta's judge decides it, and a second judge.
//! - [`drift`]: whether the world has moved, in batches and in streams.
//! - [`vectors`]: which of the reference systems' numbers are reproduced.

pub mod analysis;
pub mod canary;
pub mod drift;
pub mod growthbook;
pub mod unleash;
pub mod vectors;
