//! The write-ahead log: one for all groups of a node, with group commit and one sync per batch.
//!
//! Segments are preallocated and recycled, because a sync of a file that does not grow costs half. Each begins with
//! the [`Record::Base`](crate::storage::Record::Base) of every group, so that earlier segments are needed only for
//! their entries. Each ends with an end mark unless it is the newest. The checksums of a frame are seeded with its
//! segment's number: old content of a recycled file is never taken for new.

mod config;
mod error;
mod facts;
mod frame;
mod handle;
mod job;
pub(crate) mod properties;
mod recover;
mod segment;
mod spares;
mod torn;
mod writer;

pub use config::{Sync, WalConfig};
pub use error::WalError;
pub use handle::{Wal, WalStats};
pub use recover::{Recovered, TornTail};
pub(crate) use torn::survivors;

#[cfg(test)]
mod tests;
