//! Model serving: loads the published model versions on this node and scores requests in batches.
//!
//! One supervisor actor watches the published models and keeps a pool for each desired version. A pool is a bounded batch
//! queue in front of a ractor factory. A free replica takes the queued requests, up to the batch limit, and scores them in
//! one run on a blocking thread. Each answer reports its time in the queue and in the run.
//!
//! This crate does not decide which version is served and never blocks a shard. It holds no state that a restart loses.

mod allocation;
mod batch_queue;
mod config;
mod desired;
mod engine;
mod error;
mod loader;
pub mod metrics;
mod model;
mod pool;
mod pool_state;
mod ranking;
mod recommender;
mod shared;
mod supervisor;
mod timing;
mod vocabulary;
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
pub use timing::Timing;
pub use vocabulary::Vocabulary;
