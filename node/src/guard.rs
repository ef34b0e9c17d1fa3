//! What the public edge may not do: publish an artifact that does not load, or change the cluster itself.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::Instant;
use troupe_actors::models::{Model, Publish};
use troupe_inference::Recommender;
use troupe_runtime::placement::{Cluster, GetCluster};
use troupe_runtime::routing::Dispatch;
use troupe_runtime::transport::{AskOne, Outcome};
use troupe_runtime::{AskError, Command, Entity, Query as _, Refused, Router, wire};

/// A router that tries artifacts before it publishes them.
pub(crate) struct Guard {
    pub(crate) inner: Router,
    pub(crate) recommender: Recommender,
}

impl Dispatch for Guard {
    fn ask_many(&self, asks: Vec<AskOne>, within: Duration) -> BoxFuture<'static, Vec<Outcome>> {
        let publishes = |ask: &AskOne| ask.to.kind == Model::KIND && ask.verb == Publish::VERB;
        let ours = |ask: &AskOne| ask.to.kind == Cluster::KIND && ask.verb != GetCluster::VERB;
        if asks.iter().any(ours) {
            let why = "the cluster itself is changed through the admin API: see `troupe drain --help`";
            let refused = AskError::Refused(Refused::new("NOT_PUBLIC", why));
            return Box::pin(async move { vec![Err(refused); asks.len()] });
        }
        let inner = self.inner.clone();
        if !asks.iter().any(publishes) {
            return Box::pin(async move { inner.ask_many(asks, within).await });
        }
        let recommender = self.recommender.clone();
        Box::pin(async move {
            let until = Instant::now() + within;
            let mut outcomes = Vec::with_capacity(asks.len());
            for ask in asks {
                let sound = if publishes(&ask) {
                    // Nothing has been sent by then, so a trial that takes too long has surely not happened.
                    let trial = tokio::time::timeout_at(until, verify(&recommender, &ask)).await;
                    trial.unwrap_or(Err(AskError::Expired))
                } else {
                    Ok(())
                };
                outcomes.push(match sound {
                    Ok(()) => inner.ask_raw(ask, until.saturating_duration_since(Instant::now())).await,
                    Err(error) => Err(error),
                });
            }
            outcomes
        })
    }
}

async fn verify(recommender: &Recommender, ask: &AskOne) -> Result<(), AskError> {
    let publish: Publish = wire::decode(&ask.body).map_err(AskError::BadBody)?;
    match recommender.verify(&publish.artifact, &publish.vocabulary).await {
        Ok(verified) if u32::try_from(verified.items) != Ok(publish.items) => {
            let why = format!("the vocabulary names {} contents, not {}", verified.items, publish.items);
            Err(AskError::Refused(Refused::field("BAD_ITEMS", "items", why)))
        }
        Ok(_) => Ok(()),
        Err(error) if error.is_ours() => Err(AskError::NotSent(error.to_string())),
        Err(error) => Err(AskError::Refused(Refused::from(error))),
    }
}

/// Wraps a router.
pub(crate) fn guarded(inner: Router, recommender: Recommender, shards: u32) -> Router {
    let registry = inner.registry().clone();
    Router::new(Arc::new(Guard { inner, recommender }), registry, shards)
}
