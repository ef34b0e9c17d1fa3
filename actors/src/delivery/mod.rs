//! Continuous delivery after Spinnaker: pipelines, their executions, and the traffic split of each model.

pub mod executions;
mod kinds;
pub mod pipelines;
pub mod traffic;

pub use kinds::register;
