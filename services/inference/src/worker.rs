//! A replica: the factory worker that takes batches from the waiting room and scores them.

use std::sync::Arc;
use std::time::Instant;

use ractor::ActorProcessingErr;
use ractor::factory::{FactoryRef, Job, Worker, WorkerId};

use super::error::ServeError;
use super::metrics;
use super::model::{ScoringModel, micros};
use super::pool::Shared;
use super::ranking::top_k;
use super::waiting::{Request, Scored, Timing, Wake};

/// The factory's job: the requests themselves stay in the waiting room until the replica takes them.
#[derive(Debug)]
pub(super) struct Call(pub(super) Wake);
impl ractor::Message for Call {}

/// What a replica starts from.
#[derive(Debug)]
pub(super) struct Start(pub(super) Arc<Shared>);
impl ractor::Message for Start {}

pub(super) struct Replica;

pub(super) struct Loaded {
    shared: Arc<Shared>,
    /// Away while a run has it; a run that panics loses it, and the replica with it.
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
        Start(shared): Start,
    ) -> Result<Loaded, ActorProcessingErr> {
        let model = Arc::clone(&shared).replica_model().await?;
        Ok(Loaded { shared, model: Some(model) })
    }

    async fn post_start(
        &self,
        _replica: WorkerId,
        factory: &FactoryRef<(), Call>,
        state: &mut Loaded,
    ) -> Result<(), ActorProcessingErr> {
        // A predecessor may have died with a call in hand: whoever waits still must not wait for the next request.
        if let Some(wake) = state.shared.room.wake() {
            factory.dispatch((), Call(wake))?;
        }
        Ok(())
    }

    async fn handle(
        &self,
        _replica: WorkerId,
        factory: &FactoryRef<(), Call>,
        job: Job<(), Call>,
        state: &mut Loaded,
    ) -> Result<(), ActorProcessingErr> {
        let Call(mut wake) = job.msg;
        if !state.shared.max_delay.is_zero() && !wake.full() {
            tokio::time::sleep(state.shared.max_delay).await;
        }
        let taken = Instant::now();
        let batch = wake.take(taken);
        if !batch.is_empty() {
            let mut model = state.model.take().ok_or("the model was lost in an earlier run")?;
            let shared = state.shared.clone();
            let run = tokio::task::spawn_blocking(move || {
                score(&mut model, batch, taken, &shared);
                model
            });
            state.model = Some(run.await?);
        }
        if let Some(next) = wake.finish() {
            factory.dispatch((), Call(next))?;
        }
        Ok(())
    }
}

/// One run for the whole batch; each request gets its row's best.
fn score(model: &mut ScoringModel, batch: Vec<Request>, taken: Instant, shared: &Shared) {
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
    let compute_us = micros(taken);
    let requests = batch.len();
    let queued = |request: &Request| {
        u64::try_from(taken.saturating_duration_since(request.arrived).as_micros()).unwrap_or(u64::MAX)
    };
    metrics::batch(batch.iter().map(queued), compute_us, requests);
    shared.count(requests);
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
            let model = shared.served.label();
            tracing::error!(model, error = why, "a run failed");
            for request in batch {
                let error = ServeError::Failed { model: model.clone(), why: why.clone() };
                let _ = request.reply.send(Err(error));
            }
        }
    }
}
