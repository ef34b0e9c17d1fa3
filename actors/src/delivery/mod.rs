//! Spinnaker: pipelines, their executions, and the traffic that versions get.

mod entities;
pub mod executions;
pub mod pipelines;
pub mod traffic;

pub use entities::register;
