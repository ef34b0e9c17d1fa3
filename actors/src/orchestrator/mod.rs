//! Maestro: definitions of workflows, their runs, and the permits that bound them.

pub mod permits;
pub mod runs;
pub mod workflows;

use troupe_runtime::Registry;

/// Registers every entity of this container.
pub fn register(registry: Registry) -> Registry {
    workflows::register(runs::register(permits::register(registry)))
}
