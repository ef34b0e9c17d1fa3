//! A replica: the factory worker that takes batches from the batch queue and scores them.

use std::sync::Arc;
use std::time::Instant;

use ractor::ActorProcessingErr;
use ractor::factory::{FactoryRef, Job, Worker, WorkerId};
use troupe_runtime::time::micros;

use super::batch_queue::{Request, Scored, Wake};
use super::error::ServeError;
use super::metrics;
use super::model::ScoringModel;
use super::pool_state::PoolState;
use super::ranking::top_k;
use super::timing::Timing;

/// The factory's job, a wake. The requests stay in the batch queue until the replica takes them.
#[derive(Debug)]
pub(super) struct Call(pub(super) Wake);
impl ractor::Message for Call {}

/// The argument of a replica's start.
#[derive(Debug)]
pub(super) struct Start(pub(super) Arc<PoolState>);
impl ractor::Message for Start {}

pub(super) struct Replica;

pub(super) struct Loaded {
    pool: Arc<PoolState>,
    /// `None` during a run. A run that panics loses the model and fails the replica.
    model: Option<ScoringModel>,
}

impl Worker for Replica {
    type Key = ();
    type Message = Call;
    type Arguments = Start;
    type State = Loaded;

    async fn pre_start(
        &self,
        _replica: WorkerId,
        _factory: &FactoryRef<(), Call>,
        Start(pool): Start,
    ) -> Result<Loaded, ActorProcessingErr> {
        let model = Arc::clone(&pool).replica_model().await?;
        Ok(Loaded { pool, model: Some(model) })
    }

    async fn post_start(
        &self,
        _replica: WorkerId,
        factory: &FactoryRef<(), Call>,
        replica: &mut Loaded,
    ) -> Result<(), ActorProcessingErr> {
        // A predecessor may have died holding a wake: queued requests must not wait until the next request comes.
        if let Some(wake) = replica.pool.queue.wake() {
            factory.dispatch((), Call(wake))?;
        }
        Ok(())
    }

    async fn handle(
        &self,
        _replica: WorkerId,
        factory: &FactoryRef<(), Call>,
        job: Job<(), Call>,
        replica: &mut Loaded,
    ) -> Result<(), ActorProcessingErr> {
        let Call(mut wake) = job.msg;
        if !replica.pool.max_delay.is_zero() && !wake.full() {
            tokio::time::sleep(replica.pool.max_delay).await;
        }
        let taken = Instant::now();
        let batch = wake.take(taken);
        if !batch.is_empty() {
            let mut model = replica.model.take().ok_or("the model was lost in an earlier run")?;
            let pool = replica.pool.clone();
            let run = tokio::task::spawn_blocking(move || {
                score(&mut model, batch, taken, &pool);
                model
            });
            replica.model = Some(run.await?);
        }
        if let Some(next) = wake.finish() {
            factory.dispatch((), Call(next))?;
        }
        Ok(())
    }
}

/// Scores the batch in one run and answers each request with the top k of its row.
fn score(model: &mut ScoringModel, batch: Vec<Request>, taken: Instant, pool: &PoolState) {
    let histories: Vec<&[u32]> = batch.iter().map(|request| request.positions.as_slice()).collect();
    let items = model.items();
    let ranked = model.score(&histories, |scores| {
        let rows = scores.chunks_exact(items).zip(&batch);
        rows.map(|(row, request)| {
            let excluded = if request.exclude_history { request.positions.as_slice() } else { &[] };
            top_k(row, excluded, request.k)
        })
        .collect::<Vec<_>>()
    });
    let compute_us = micros(taken.elapsed());
    let requests = batch.len();
    let queued = |request: &Request| micros(taken.saturating_duration_since(request.arrived));
    metrics::batch(batch.iter().map(queued), compute_us, requests);
    pool.count(requests);
    match ranked {
        Ok(ranked) => {
            for (request, ranked) in batch.into_iter().zip(ranked) {
                let timing = Timing {
                    queue_us: queued(&request),
                    compute_us,
                    batch: u32::try_from(requests).unwrap_or(u32::MAX),
                    ahead: request.ahead,
                };
                let _ = request.reply.send(Ok(Scored { ranked, timing }));
            }
        }
        Err(why) => {
            let model = pool.served.label();
            tracing::error!(model, error = why, "a run failed");
            for request in batch {
                let error = ServeError::Failed { model: model.clone(), why: why.clone() };
                let _ = request.reply.send(Err(error));
            }
        }
    }
}
