//! The steps of one list as a graph: which may start, which never will, and how their instance ends.
//!
//! A step waits until every step before it is complete, and starts if at least one way that leads to it is taken. A
//! failed step's successors never start.

mod build;
mod next;
#[cfg(test)]
mod tests;

pub use build::{Edge, Graph};
pub use next::{Next, RestartFrom, StepState, next, restart, settle};
