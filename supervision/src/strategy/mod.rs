//! What to do when a child ends: pure, so that every rule is a row in a table.
//!
//! It owns who waits for what, the counting of restarts and the length of pauses. It never starts or stops anything,
//! reads no clock and draws no randomness: time and the seed of the jitter arrive as inputs.

mod backoff;
mod intensity;
mod options;
mod plan;

pub use options::{Options, Strategy};
pub use plan::{Ending, Plan, Verdict};
