//! The workflow orchestrator with Maestro's model: workflow definitions, runs, and permits with concurrency limits.

mod kinds;
pub mod permits;
pub mod runs;
pub mod workflows;

pub use kinds::register;
