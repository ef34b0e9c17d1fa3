//! The replicas of one model version on this node.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use arc_swap::ArcSwapOption;
use ractor::factory::queues::DefaultQueue;
use ractor::factory::routing::QueuerRouting;
use ractor::factory::{Factory, FactoryArguments, FactoryRef, worker_builder};
use ractor::{Actor, ActorCell};
use serde::Serialize;
use tokio::sync::oneshot;

use super::batch_queue::{Request, Scored};
use super::desired::ServedVersion;
use super::error::{LoadError, ServeError};
use super::loader::Loader;
use super::pool_state::PoolState;
use super::vocabulary::Vocabulary;
use super::worker::{Call, Replica, Start};

type ReplicaFactory = Factory<(), Call, Start, Replica, QueuerRouting<(), Call>, DefaultQueue<(), Call>>;

/// A model version, loaded and answering. Dropping the last handle stops its replicas. A request holds a handle until it
/// is answered, so a replaced pool finishes its work first.
#[derive(Debug)]
pub struct ModelPool {
    state: Arc<PoolState>,
    vocabulary: Vocabulary,
    factory: ArcSwapOption<FactoryRef<(), Call>>,
}

/// A pool as the console shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PoolView {
    /// The version it answers for.
    #[serde(flatten)]
    pub served: ServedVersion,
    /// Whether it is loaded here.
    pub ready: bool,
    /// Contents it ranks; zero when not ready.
    pub items: usize,
    /// Requests waiting.
    pub waiting: usize,
    /// Requests scored since it was loaded.
    pub requests: u64,
    /// Runs since it was loaded.
    pub batches: u64,
    /// Times its factory was started again.
    pub restarts: u64,
    /// The load failure or the last factory failure; `None` when ready.
    #[serde(rename = "trouble")]
    pub failure: Option<String>,
}

impl ModelPool {
    /// Loads, checks and warms one model for each replica. The pool answers once [`Self::start`] has run.
    ///
    /// # Errors
    /// [`LoadError`] if the version cannot be served.
    pub(super) async fn load(loader: &Loader, served: &ServedVersion) -> Result<Self, LoadError> {
        loader.engine.environment().map_err(LoadError::Unavailable)?;
        let vocabulary = loader.vocabulary(&served.vocabulary).await?;
        let replicas = loader.config.replicas.get();
        let spare = loader.models(&served.artifact, vocabulary.items(), replicas).await?;
        let state = PoolState::new(served, loader, vocabulary.items(), spare);
        Ok(Self { state, vocabulary, factory: ArcSwapOption::empty() })
    }

    /// Starts the replicas under `supervisor`. A restart after a failure serves the requests still queued.
    pub(super) async fn start(
        &self,
        supervisor: ActorCell,
        name: Option<String>,
    ) -> Result<ActorCell, LoadError> {
        let state = self.state.clone();
        // The batch queue sends at most one wake per replica, so this queue needs no bound of its own.
        let arguments = FactoryArguments::builder()
            .worker_builder(Box::new(worker_builder(move |_| (Replica, Start(state.clone())))))
            .num_initial_workers(self.state.loader.config.replicas.get())
            .router(QueuerRouting::default())
            .queue(DefaultQueue::default())
            .build();
        let (factory, _) = Actor::spawn_linked(name, ReplicaFactory::default(), arguments, supervisor)
            .await
            .map_err(|error| LoadError::Start(error.to_string()))?;
        let cell = factory.get_cell();
        if self.factory.swap(Some(Arc::new(factory))).is_some() {
            self.state.restarts.fetch_add(1, Ordering::Relaxed);
        }
        Ok(cell)
    }

    /// Ranks for a history of content ids. Ids outside the vocabulary are ignored.
    pub(super) async fn rank(
        &self,
        history: &[String],
        exclude_history: bool,
        k: usize,
        deadline: Option<Instant>,
    ) -> Result<Scored, ServeError> {
        let (reply, answer) = oneshot::channel();
        let request = Request {
            positions: self.vocabulary.positions(history),
            exclude_history,
            k: k.min(self.vocabulary.items()),
            arrived: Instant::now(),
            deadline,
            ahead: 0,
            reply,
        };
        if let Some(wake) = self.state.queue.push(request)?
            && let Some(factory) = &*self.factory.load()
        {
            // A factory that is being restarted refuses the wake and drops it, which undoes the count. Its replicas check
            // the queue when they start.
            let _ = factory.dispatch((), Call(wake));
        }
        let answer = match deadline {
            Some(deadline) => {
                tokio::time::timeout_at(deadline.into(), answer).await.map_err(|_| ServeError::Expired)?
            }
            None => answer.await,
        };
        answer.unwrap_or_else(|_| {
            let why = "its replica ended during the run".to_owned();
            Err(ServeError::Failed { model: self.state.served.label(), why })
        })
    }

    /// The content id at a position of the vocabulary.
    pub(super) fn content(&self, position: u32) -> Option<&str> {
        self.vocabulary.id(position)
    }

    /// The version it answers for.
    #[must_use]
    pub fn served(&self) -> &ServedVersion {
        &self.state.served
    }

    /// Closes the queue: queued and later requests are answered with this error.
    pub(super) fn close(&self, error: &ServeError) {
        self.state.queue.close(error);
    }

    /// Its counters.
    #[must_use]
    pub fn view(&self) -> PoolView {
        PoolView {
            served: self.state.served.clone(),
            ready: true,
            items: self.vocabulary.items(),
            waiting: self.state.queue.waiting(),
            requests: self.state.requests.load(Ordering::Relaxed),
            batches: self.state.batches.load(Ordering::Relaxed),
            restarts: self.state.restarts.load(Ordering::Relaxed),
            failure: None,
        }
    }
}

impl Drop for ModelPool {
    fn drop(&mut self) {
        if let Some(factory) = &*self.factory.load() {
            factory.stop(Some("replaced".to_owned()));
        }
    }
}
