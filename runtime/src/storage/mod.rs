//! Storage that survives a crash: one write-ahead log per node, and a store of checkpoints.
//!
//! The log is authoritative until a checkpoint covers it. The store holds checkpoints and never the only copy of an
//! uncovered entry.

mod fjall_store;
mod open;
mod record;
mod reopening;
mod sled_store;
mod store;
mod wal;

pub use fjall_store::FjallStore;
pub use open::{Engine, StoreConfig, open_store};
pub use record::{GroupLog, LogEntry, Record, Vote};
pub use reopening::{OpenEngine, Reopening, TryDisk};
pub use sled_store::SledStore;
pub(crate) use store::visit_pairs;
pub use store::{Store, StoreBatch, StoreError, Visit};
pub(crate) use wal::properties as wal_properties;
pub(crate) use wal::survivors;
pub use wal::{Recovered, Sync, TornTail, Wal, WalConfig, WalError, WalStats};

#[cfg(test)]
mod tests;
