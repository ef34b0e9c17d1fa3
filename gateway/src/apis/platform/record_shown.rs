//! Records with members what they were shown, in the background: an answer does not wait for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use troupe_runtime::Router;
use troupe_runtime::transport::AskOne;

use crate::edge::metrics;
use crate::edge::metrics::Fate;

/// Most commands in one batch.
const BATCH_MAX: usize = 256;
/// Deadline of a batch.
const WITHIN: Duration = Duration::from_secs(5);

/// The queue of commands for members; cheap to clone.
#[derive(Clone)]
pub(crate) struct RecordShown {
    queue: mpsc::Sender<AskOne>,
    dropped: Arc<AtomicU64>,
}

/// The background task; it ends when every [`RecordShown`] is dropped and the queue is empty.
pub(crate) struct Recording(JoinHandle<()>);

impl RecordShown {
    pub(crate) fn start(router: &Router, queue_max: usize) -> (Self, Recording) {
        let (queue, waiting) = mpsc::channel(queue_max);
        let dropped = Arc::<AtomicU64>::default();
        let work = work(router.clone(), waiting, dropped.clone());
        (Self { queue, dropped }, Recording(tokio::spawn(work)))
    }

    /// Queues a command. A full queue drops it: the record is worth less than an answer in time.
    pub(crate) fn later(&self, ask: AskOne) {
        if self.queue.try_send(ask).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            metrics::remembered(Fate::Dropped, 1);
        }
    }
}

impl Recording {
    /// Waits until the queue is empty, at most `within`.
    pub(crate) async fn stop(mut self, within: Duration) {
        if tokio::time::timeout(within, &mut self.0).await.is_err() {
            self.0.abort();
            tracing::warn!("recommendations were still waiting to be remembered when the edge stopped");
        }
    }
}

async fn work(router: Router, mut waiting: mpsc::Receiver<AskOne>, dropped: Arc<AtomicU64>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while waiting.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let outcomes = router.ask_many(std::mem::take(&mut batch), WITHIN).await;
        let failed: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
        metrics::remembered(Fate::Accepted, outcomes.len() - failed.len());
        metrics::remembered(Fate::Failed, failed.len());
        if let Some(error) = failed.first() {
            tracing::warn!(failed = failed.len(), %error, "members did not take what they were recommended");
        }
        // One line for all that were dropped since the last batch: an overload must not flood the log.
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(lost, "recommendations were not remembered: the queue was full");
        }
    }
}
