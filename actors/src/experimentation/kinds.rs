//! The kinds of this container.

use troupe_runtime::Registry;

use super::{clients, experiments, exposures, flags, outcomes, participants};

/// Registers every entity of this container.
pub fn register(registry: Registry) -> Registry {
    participants::register(outcomes::register(flags::register(exposures::register(experiments::register(
        clients::register(registry),
    )))))
}
