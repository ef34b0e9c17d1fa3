//! Spinnaker: pipelines, their executions, and the traffic that versions get.

pub mod executions;
mod kinds;
pub mod pipelines;
pub mod traffic;

pub use kinds::register;
