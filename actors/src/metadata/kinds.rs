//! The kinds of this container.

use troupe_runtime::Registry;

use super::{flows, lineage, metrics, registered_models, runs, tasks};

/// Registers every entity of this container.
pub fn register(registry: Registry) -> Registry {
    tasks::register(runs::register(registered_models::register(metrics::register(lineage::register(
        flows::register(registry),
    )))))
}
