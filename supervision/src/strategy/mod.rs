//! What to do when a child ends, as pure functions that tests check in tables.
//!
//! This module decides which children wait for which pause, counts restarts and computes backoffs. It never starts or
//! stops an actor, reads no clock and draws no random numbers: time and the seed of the jitter are inputs.

mod backoff;
mod intensity;
mod options;
mod plan;

pub use options::{Options, Strategy};
pub use plan::{Ending, Plan, Verdict};
