//! Metaflow and MLflow: flows, runs, tasks, metrics, registered models and lineage.

pub mod flows;
pub mod lineage;
pub mod metrics;
pub mod registered_models;
pub mod runs;
pub mod tasks;

use troupe_runtime::Registry;

/// Registers every entity of this container.
pub fn register(registry: Registry) -> Registry {
    tasks::register(runs::register(registered_models::register(metrics::register(lineage::register(
        flows::register(registry),
    )))))
}
