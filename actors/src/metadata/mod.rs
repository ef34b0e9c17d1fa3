//! Metaflow and MLflow: flows, runs, tasks, metrics, registered models and lineage.

mod entities;
pub mod flows;
pub mod lineage;
pub mod metrics;
pub mod registered_models;
pub mod runs;
pub mod tasks;

pub use entities::register;
