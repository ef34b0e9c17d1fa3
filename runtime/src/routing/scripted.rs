//! A dispatcher without a cluster, for tests and for [`Solo`](super::Solo): a function answers each batch of asks.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use super::router::{Dispatch, Router};
use crate::address::{Address, ShardId};
use crate::entity::{KindSpec, Registry, VerbSpec};
use crate::error::AskError;
use crate::shard::NearAnswer;
use crate::transport::{AskOne, Outcome};

/// Number of shards that the router counts with; no shard exists.
const SHARDS: u32 = 8;

/// A router without fast paths: every query and every command reaches `answer`, which returns one outcome for each ask
/// in the same order. The deadline of the ask is not enforced here.
#[must_use]
pub fn scripted<F>(registry: impl Into<Arc<Registry>>, answer: F) -> Router
where
    F: Fn(Vec<AskOne>) -> BoxFuture<'static, Vec<Outcome>> + Send + Sync + 'static,
{
    Router::new(Arc::new(Scripted(answer)), registry.into(), SHARDS)
}

struct Scripted<F>(F);

impl<F> Dispatch for Scripted<F>
where
    F: Fn(Vec<AskOne>) -> BoxFuture<'static, Vec<Outcome>> + Send + Sync + 'static,
{
    fn ask_many(&self, asks: Vec<AskOne>, _within: Duration) -> BoxFuture<'static, Vec<Outcome>> {
        (self.0)(asks)
    }

    fn answer_here(&self, _: &Address, _: ShardId, _: (&KindSpec, &VerbSpec), _: &[u8]) -> Option<Outcome> {
        None
    }

    fn ask_near(
        &self,
        _: AskOne,
        _: ShardId,
        _: Duration,
        _: Duration,
    ) -> BoxFuture<'static, Option<Result<NearAnswer, AskError>>> {
        Box::pin(std::future::ready(None))
    }
}
