//! Signals: those that a step waits for and raises, with parameters filled in, and joins that start a workflow, each
//! raise at most once.

mod joins;
mod step;
#[cfg(test)]
mod tests;

pub use joins::{Heard, Joins, Started};
pub use step::{Raised, Wanted, raised, wanted};
