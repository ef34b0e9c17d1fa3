//! The domain: one folder per kind of entity, pure state in each, and the node's own model services.

pub mod canaries;
pub mod catalog;
pub mod clients;
pub mod content;
pub mod deployments;
pub mod directory;
pub mod experiments;
pub mod exposures;
pub mod features;
pub mod flags;
pub mod flows;
mod kept;
pub mod lake;
pub mod lineage;
pub mod members;
pub mod models;
pub mod monitors;
pub mod outcomes;
pub mod participants;
pub mod permits;
pub mod pipelines;
pub mod probes;
pub mod registered;
mod registry;
pub mod run_curves;
pub mod run_tasks;
pub mod runs;
pub mod series;
pub mod serving;
pub mod signals;
pub mod tasks;
pub mod traffic;
pub mod workflow_runs;
pub mod workflows;

pub use kept::Kept;
pub use registry::registry;
