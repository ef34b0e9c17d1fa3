//! The thread of a node that writes checkpoints and reads snapshots, so that no shard's turn waits for the store.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use super::output::{CheckpointEnd, CheckpointJob, SnapshotJob};
use super::snapshot;
use crate::background;
use crate::locks::lock;
use crate::storage::{Store, StoreError};

/// Jobs that wait at most. Each shard has one checkpoint and one or two snapshots on their way.
const JOBS_MAX: usize = 1_024;

/// Receives the end of a checkpoint.
pub(super) type Checkpointed = Box<dyn FnOnce(CheckpointEnd) + Send>;
/// Receives a snapshot's blob.
pub(super) type Snapshotted = Box<dyn FnOnce(Result<Vec<u8>, String>) + Send>;

/// Work for the thread.
pub enum StoreJob {
    /// Write a checkpoint.
    Checkpoint(CheckpointJob, Checkpointed),
    /// Read a snapshot.
    Snapshot(SnapshotJob, Snapshotted),
    /// Finish the queued jobs, then end.
    Close,
}

/// The thread's handle.
pub struct StoreThread {
    jobs: SyncSender<StoreJob>,
    thread: std::sync::Mutex<Option<JoinHandle<()>>>,
}

impl StoreThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// The operating system refuses another thread.
    pub fn start(store: Arc<dyn Store>, snapshot_bytes_max: u64) -> std::io::Result<Self> {
        let (jobs, queue) = sync_channel(JOBS_MAX);
        let thread =
            background::spawn("troupe-store", move || run(store.as_ref(), &queue, snapshot_bytes_max))?;
        Ok(Self { jobs, thread: std::sync::Mutex::new(Some(thread)) })
    }

    /// Queues a job, or fails it at once when the queue is full.
    pub fn submit(&self, job: StoreJob) {
        let job = match self.jobs.try_send(job) {
            Ok(()) => return,
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => job,
        };
        let why = "the store's queue is full or closed";
        match job {
            StoreJob::Checkpoint(job, done) => {
                done(job.fail(StoreError { engine: "queue", what: why.to_owned(), corrupt: false }));
            }
            StoreJob::Snapshot(_, done) => done(Err(why.to_owned())),
            StoreJob::Close => {}
        }
    }

    /// Finishes the queued jobs and joins the thread. Blocking.
    pub fn close(&self) {
        // Blocks while the queue is full, so that everything before the close is written.
        let _ = self.jobs.send(StoreJob::Close);
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

fn run(store: &dyn Store, queue: &Receiver<StoreJob>, snapshot_bytes_max: u64) {
    while let Ok(job) = queue.recv() {
        match job {
            StoreJob::Checkpoint(job, done) => done(job.write(store)),
            StoreJob::Snapshot(job, done) => {
                done(snapshot::build(store, job.shard, &job.message, snapshot_bytes_max));
            }
            StoreJob::Close => break,
        }
    }
}
