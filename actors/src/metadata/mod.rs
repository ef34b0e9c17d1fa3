//! Metaflow and MLflow: flows, runs, tasks, metrics, registered models and lineage.

pub mod flows;
mod kinds;
pub mod lineage;
pub mod metrics;
pub mod registered_models;
pub mod runs;
pub mod tasks;

pub use kinds::register;
