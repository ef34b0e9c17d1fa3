//! Refuses a publication whose artifact does not load, before it becomes a fact.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use troupe_actors::models::{Model, Publish};
use troupe_actors::serving::Recommender;
use troupe_runtime::routing::Dispatch;
use troupe_runtime::transport::{AskOne, Outcome};
use troupe_runtime::{AskError, Command, Entity, Refused, Router, wire};

/// A router that tries artifacts before it publishes them.
pub(crate) struct Guard {
    pub(crate) inner: Router,
    pub(crate) recommender: Recommender,
}

impl Dispatch for Guard {
    fn ask_many(&self, asks: Vec<AskOne>, within: Duration) -> BoxFuture<'static, Vec<Outcome>> {
        let publishes = |ask: &AskOne| ask.to.kind == Model::KIND && ask.verb == Publish::VERB;
        let inner = self.inner.clone();
        if !asks.iter().any(publishes) {
            return Box::pin(async move { inner.ask_many(asks, within).await });
        }
        let recommender = self.recommender.clone();
        Box::pin(async move {
            let mut outcomes = Vec::with_capacity(asks.len());
            for ask in asks {
                let sound = if publishes(&ask) { verify(&recommender, &ask).await } else { Ok(()) };
                outcomes.push(match sound {
                    Ok(()) => inner.ask_raw(ask, within).await,
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
        Ok(_) => Ok(()),
        Err(error) => Err(AskError::Refused(Refused::from(error))),
    }
}

/// Wraps a router.
pub(crate) fn guarded(inner: Router, recommender: Recommender, shards: u32) -> Router {
    let registry = inner.registry().clone();
    Router::new(Arc::new(Guard { inner, recommender }), registry, shards)
}
