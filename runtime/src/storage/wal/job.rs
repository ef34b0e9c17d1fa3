//! Jobs of the writer thread, and its counters.

use std::sync::atomic::AtomicU64;
use std::sync::mpsc::SyncSender;

use super::error::WalError;
use super::recover::Place;
use crate::address::ShardId;
use crate::storage::Record;

/// Called when the records are durable, or could not be written.
pub(super) type Done = Box<dyn FnOnce(Result<(), WalError>) + Send>;

#[derive(Default)]
pub(super) struct Counters {
    pub(super) bytes: AtomicU64,
    pub(super) syncs: AtomicU64,
    pub(super) records: AtomicU64,
    pub(super) last: AtomicU64,
    pub(super) max: AtomicU64,
}

/// A job of the writer thread.
pub(super) enum Job {
    Append(ShardId, Vec<Record>, Done),
    Covered(ShardId, u64, u64),
    Find(ShardId, SyncSender<Result<Place, WalError>>),
    Close,
}
