//! Spinnaker: pipelines, their executions, and the traffic that versions get.

pub mod executions;
pub mod pipelines;
pub mod traffic;

use troupe_runtime::Registry;

/// Registers every entity of this container.
pub fn register(registry: Registry) -> Registry {
    traffic::register(pipelines::register(executions::register(registry)))
}
