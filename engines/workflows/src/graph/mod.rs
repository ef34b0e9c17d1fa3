//! The steps of one list as a graph: the steps that may start, those that never will, and the end of the instance.
//!
//! A step waits until all its predecessors are complete. It starts if at least one edge that leads to it is taken. The
//! successors of a failed step never start.

mod build;
mod next;
#[cfg(test)]
mod tests;

pub use build::{Edge, Graph};
pub use next::{Next, RestartFrom, StepState, next, restart, settle};
