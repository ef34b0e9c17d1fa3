//! The entities of this container.

use troupe_runtime::Registry;

use super::{executions, pipelines, traffic};

/// Registers every entity of this container.
pub fn register(registry: Registry) -> Registry {
    traffic::register(pipelines::register(executions::register(registry)))
}
