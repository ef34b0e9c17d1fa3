//! Checks of the numeric vectors of reference systems in `tests/vectors/`.
//!
//! Each family has one file of checks. Each case counts once, with all its assertions; a case that cannot be parsed has
//! failed. The tests require that no case fails, and `troupe bench judges` reports the counts.

mod analysis;
mod canary;
mod compare;
mod drift;
mod files;
mod growthbook;
mod tally;
mod unleash;

pub use files::{files, try_all};
pub use tally::Tally;
