//! The state that a pool shares with its replicas.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use troupe_runtime::locks::lock;

use super::batch_queue::BatchQueue;
use super::desired::ServedVersion;
use super::error::LoadError;
use super::loader::Loader;
use super::model::ScoringModel;

/// The queue, the spare models and the counters of one pool.
#[derive(Debug)]
pub(super) struct PoolState {
    pub(super) served: ServedVersion,
    pub(super) queue: Arc<BatchQueue>,
    pub(super) max_delay: Duration,
    pub(super) loader: Loader,
    pub(super) items: usize,
    /// Models loaded ahead; each replica that starts takes one.
    spare: Mutex<Vec<ScoringModel>>,
    pub(super) requests: AtomicU64,
    pub(super) batches: AtomicU64,
    /// Times that the factory was started again after it ended.
    pub(super) restarts: AtomicU64,
}

impl PoolState {
    /// Counters at zero; `spare` holds one model for each replica.
    pub(super) fn new(
        served: &ServedVersion,
        loader: &Loader,
        items: usize,
        spare: Vec<ScoringModel>,
    ) -> Arc<Self> {
        let config = &loader.config;
        let (replicas, batch_max) = (config.replicas.get(), config.max_batch.get());
        Arc::new(Self {
            served: served.clone(),
            queue: BatchQueue::new(served.label(), replicas, batch_max, config.queue_max.get()),
            max_delay: config.max_delay,
            loader: loader.clone(),
            items,
            spare: Mutex::new(spare),
            requests: AtomicU64::new(0),
            batches: AtomicU64::new(0),
            restarts: AtomicU64::new(0),
        })
    }

    /// The model of a replica that starts: a spare one, or a freshly loaded one for a replacement.
    pub(super) async fn replica_model(self: Arc<Self>) -> Result<ScoringModel, LoadError> {
        let spare = lock(&self.spare).pop();
        if let Some(model) = spare {
            return Ok(model);
        }
        let mut models = self.loader.models(&self.served.artifact, self.items, 1).await?;
        models.pop().ok_or_else(|| LoadError::Start("no model was loaded".to_owned()))
    }

    /// Counts one run of a batch of `requests`.
    pub(super) fn count(&self, requests: usize) {
        self.requests.fetch_add(requests as u64, Ordering::Relaxed);
        self.batches.fetch_add(1, Ordering::Relaxed);
    }
}
