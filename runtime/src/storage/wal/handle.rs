//! The log's handle, which feeds the writer thread.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::config::WalConfig;
use super::error::WalError;
use super::job::{Counters, Done, Job};
use super::recover::{Place, Recovered, read};
use super::writer::Writer;
use crate::address::ShardId;
use crate::locks::lock;
use crate::storage::{GroupLog, Record};

/// Counters since the log was opened.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct WalStats {
    /// Bytes written.
    pub bytes: u64,
    /// Batches synced.
    pub syncs: u64,
    /// Records written.
    pub records: u64,
    /// Duration of the last sync, in microseconds.
    pub sync_us_last: u64,
    /// Duration of the longest sync, in microseconds.
    pub sync_us_max: u64,
}

struct Shared {
    jobs: SyncSender<Job>,
    counters: Arc<Counters>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The log's handle. Clones share one log.
#[derive(Clone)]
pub struct Wal(Arc<Shared>);

impl Wal {
    /// Opens the log in `dir`, which is created if missing, and starts its thread.
    ///
    /// # Errors
    /// The disk, or a foreign file in the directory.
    pub fn open(dir: &Path, config: &WalConfig) -> Result<(Self, Recovered), WalError> {
        std::fs::create_dir_all(dir).map_err(|error| WalError::io(dir, &error))?;
        let (recovered, reads) = read(dir)?;
        let counters = Arc::new(Counters::default());
        let writer = Writer::open(dir, config, &recovered, reads, counters.clone())?;
        let (jobs, queue) = sync_channel(config.queue_appends_max);
        let thread = std::thread::Builder::new()
            .name("troupe-wal".to_owned())
            .spawn(move || writer.run(&queue))
            .map_err(|error| WalError::io(dir, &error))?;
        let shared = Shared { jobs, counters, thread: Mutex::new(Some(thread)) };
        Ok((Self(Arc::new(shared)), recovered))
    }

    /// Takes records; never blocks. Records of one shard become durable in order.
    ///
    /// # Errors
    /// [`WalError::Full`] at the bound, [`WalError::Failed`] after a failure or close; `done` is then not called.
    pub fn append(&self, shard: ShardId, records: Vec<Record>, done: Done) -> Result<(), WalError> {
        self.0.jobs.try_send(Job::Append(shard, records, done)).map_err(|error| match error {
            TrySendError::Full(_) => WalError::Full,
            TrySendError::Disconnected(_) => WalError::Failed("it is closed".to_owned()),
        })
    }

    /// A durable checkpoint covers a shard up to the entry `index` of `term`. Those entries stay for lagging replicas
    /// until they pin a segment; then the log drops them itself.
    pub fn covered(&self, shard: ShardId, index: u64, term: u64) {
        // Dropped when the queue is full: the next checkpoint covers more.
        let _ = self.0.jobs.try_send(Job::Covered(shard, index, term));
    }

    /// Reads what the log holds of a shard. No record of the shard may be appended meanwhile. Blocking; records of
    /// other shards are appended while it reads.
    ///
    /// # Errors
    /// The disk, damage to this shard's records, or a closed log.
    pub fn reread(&self, shard: ShardId) -> Result<GroupLog, WalError> {
        self.find(shard)?.read()
    }

    /// The place of a shard's records; no segment is freed until it is dropped.
    pub(super) fn find(&self, shard: ShardId) -> Result<Place, WalError> {
        let closed = || WalError::Failed("it is closed".to_owned());
        let (sender, receiver) = sync_channel(1);
        self.0.jobs.send(Job::Find(shard, sender)).map_err(|_| closed())?;
        receiver.recv().map_err(|_| closed())?
    }

    /// Writes the queued records, syncs, and ends the thread. Blocking.
    pub fn close(&self) {
        let _ = self.0.jobs.send(Job::Close);
        let thread = lock(&self.0.thread).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }

    /// Counters since the log was opened.
    #[must_use]
    pub fn stats(&self) -> WalStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.0.counters;
        WalStats {
            bytes: read(&counters.bytes),
            syncs: read(&counters.syncs),
            records: read(&counters.records),
            sync_us_last: read(&counters.last),
            sync_us_max: read(&counters.max),
        }
    }
}
