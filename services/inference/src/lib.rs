//! Serving: the model versions that the cluster names, loaded on this node and asked in batches.
//!
//! One supervisor actor watches the published models and keeps a pool for each version that should answer. A pool is a
//! waiting room of bounded size in front of a ractor factory: a free replica takes everything that waits, up to the
//! batch limit, and scores it in one call on a blocking thread. An answer says how long it waited and computed.
//!
//! This room never decides which version is right and never blocks a shard; it holds nothing that a restart loses.

mod allocation;
mod config;
mod desired;
mod engine;
mod error;
pub mod metrics;
mod model;
mod pool;
mod ranking;
mod recommender;
mod supervisor;
mod vocabulary;
mod waiting;
mod worker;

#[cfg(test)]
mod tests;

pub use allocation::{Allocation, allocate};
pub use config::ServingConfig;
pub use desired::{ServedVersion, desired};
pub use engine::{Engine, EngineKind};
pub use error::{LoadError, ServeError};
pub use model::{INPUT, OUTPUT, ScoringModel, Verified};
pub use pool::{ModelPool, PoolView};
pub use recommender::{Ask, Recommended, Recommender};
pub use vocabulary::Vocabulary;
pub use waiting::Timing;
