//! What survives a crash: one write-ahead log a node, and a store of checkpoints.
//!
//! The log is the truth until a checkpoint covers it; the store is a cache with checkpoints and never the only copy.

mod record;
mod store;

pub use record::{GroupLog, LogEntry, Record, Vote};
pub use store::{Store, StoreBatch, StoreError};
