//! Maestro: definitions of workflows, their runs, and the permits that bound them.

mod kinds;
pub mod permits;
pub mod runs;
pub mod workflows;

pub use kinds::register;
