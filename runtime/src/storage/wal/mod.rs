//! The write-ahead log: one for all groups of a node, group commit, one sync per batch.
//!
//! Segments are preallocated and recycled, because a sync of a file that does not grow costs half. Each begins with
//! every group's [`Record::Base`](crate::storage::Record::Base), so that earlier segments are needed for their entries alone, and ends with an end
//! mark unless it is the newest. Every frame's checks are seeded with its segment's sequence number: what a recycled
//! file held in its earlier life is never taken for new.

mod config;
mod facts;
mod frame;
mod handle;
pub(crate) mod properties;
mod recover;
mod segment;
mod spares;
mod torn;
mod writer;

pub use config::{Sync, WalConfig};
pub use handle::{Wal, WalError, WalStats};
pub use recover::{Recovered, TornTail};
pub(crate) use torn::survivors;

#[cfg(test)]
mod tests;
