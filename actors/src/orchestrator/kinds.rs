//! The entities of this container.

use troupe_runtime::Registry;

use super::{permits, runs, workflows};

/// Registers every entity of this container.
pub fn register(registry: Registry) -> Registry {
    workflows::register(runs::register(permits::register(registry)))
}
