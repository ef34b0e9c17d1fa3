//! The domain: one folder for each container of the platform, one folder in it for each entity, pure state in each.

#![warn(clippy::disallowed_methods)]

pub mod canary_analysis;
pub mod coordination;
pub mod delivery;
pub mod experimentation;
pub mod feature_store;
pub mod metadata;
pub mod models;
pub mod observability;
pub mod orchestrator;
pub mod profiles;
pub mod refusals;
mod registry;
pub(crate) mod stored;

pub use registry::registry;
pub use stored::NamedFields;
