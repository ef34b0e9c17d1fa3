//! Signals: what a step waits for and raises, with its parameters filled in, and which raises together start a
//! workflow, each at most once.

mod joins;
mod step;
#[cfg(test)]
mod tests;

pub use joins::{Heard, Joins, Started};
pub use step::{Raised, Wanted, raised, wanted};
