//! The worker as an actor in the node's supervision tree.

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::task::JoinHandle;
use troupe_runtime::Router;
use troupe_runtime::cluster::Runtime;
use troupe_runtime::supervised::{ChildSpec, Restart};

use super::config::WorkConfig;
use super::executors::Executors;
use super::round::rounds;

/// Does a node's share of the tasks. What it is at is dropped when it stops, and delivered again elsewhere.
#[derive(Clone)]
pub(crate) struct Work {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) router: Router,
    pub(crate) executors: Executors,
    pub(crate) config: WorkConfig,
}

/// Nobody tells a worker anything: it looks for itself.
#[derive(Debug)]
pub(crate) enum Nothing {}
impl ractor::Message for Nothing {}

struct Worker;

impl Actor for Worker {
    type Msg = Nothing;
    type State = JoinHandle<()>;
    type Arguments = Work;

    async fn pre_start(
        &self,
        myself: ActorRef<Nothing>,
        work: Work,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(tokio::spawn(async move {
            let worked = tokio::spawn(rounds(work.runtime, work.router, work.executors, work.config));
            let guard = Abort(worked);
            if guard.ended().await {
                myself.kill();
            }
        }))
    }

    async fn post_stop(
        &self,
        _: ActorRef<Nothing>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        state.abort();
        Ok(())
    }
}

struct Abort(JoinHandle<()>);

impl Abort {
    /// Whether it ended by itself, which only a panic can do.
    async fn ended(mut self) -> bool {
        (&mut self.0).await.is_err()
    }
}

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Work {
    /// For the node's supervision tree.
    pub(crate) fn child(self) -> ChildSpec {
        ChildSpec {
            name: "work".to_owned(),
            restart: Restart::Permanent,
            start: Arc::new(move |supervisor| {
                let work = self.clone();
                Box::pin(async move {
                    let (actor, _) = match supervisor {
                        Some(supervisor) => Actor::spawn_linked(None, Worker, work, supervisor).await?,
                        None => Actor::spawn(None, Worker, work).await?,
                    };
                    Ok(actor.get_cell())
                })
            }),
        }
    }
}
