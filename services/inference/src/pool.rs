//! The replicas of one model version on this node.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use ractor::factory::queues::DefaultQueue;
use ractor::factory::routing::QueuerRouting;
use ractor::factory::{Factory, FactoryArguments, FactoryRef, worker_builder};
use ractor::{Actor, ActorCell};
use serde::Serialize;
use tokio::sync::oneshot;

use super::config::ServingConfig;
use super::desired::ServedVersion;
use super::engine::Engine;
use super::error::{LoadError, ServeError};
use super::model::{ScoringModel, Verified};
use super::vocabulary::Vocabulary;
use super::waiting::{Request, Scored, WaitingRoom};
use super::worker::{Call, Replica, Start};
use troupe_lake::{Lake, Sha256};

type ReplicaFactory = Factory<(), Call, Start, Replica, QueuerRouting<(), Call>, DefaultQueue<(), Call>>;

/// What loading needs; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Loader {
    pub(super) engine: Engine,
    pub(super) lake: Lake,
    pub(super) config: Arc<ServingConfig>,
}

/// What a pool and its replicas have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) served: ServedVersion,
    pub(super) room: Arc<WaitingRoom>,
    pub(super) max_delay: Duration,
    loader: Loader,
    items: usize,
    /// Models loaded before the replicas that will own them.
    spare: Mutex<Vec<ScoringModel>>,
    requests: AtomicU64,
    batches: AtomicU64,
    restarts: AtomicU64,
}

/// A model version, loaded and answering. Dropping the last handle stops its replicas; since a request holds a handle
/// until it is answered, a pool that was replaced finishes its work first.
#[derive(Debug)]
pub struct ModelPool {
    shared: Arc<Shared>,
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
    /// Why it is not ready, in words.
    pub trouble: Option<String>,
}

impl Loader {
    /// Reads and tries an artifact with its vocabulary, without serving it.
    pub(super) async fn verify(&self, artifact: &Sha256, vocabulary: &Sha256) -> Result<Verified, LoadError> {
        self.engine.environment().map_err(LoadError::Unavailable)?;
        let vocabulary = self.vocabulary(vocabulary).await?;
        let items = vocabulary.items();
        self.blocking(artifact, move |loader, bytes| ScoringModel::verify(&loader.engine, bytes, items)).await
    }

    async fn vocabulary(&self, name: &Sha256) -> Result<Vocabulary, LoadError> {
        let bytes = self.lake.get(name).await.map_err(|error| LoadError::object("vocabulary", &error))?;
        Vocabulary::from_bytes(&bytes)
    }

    /// Reads the artifact and works on it off the reactor, within the configured time. A load that hangs keeps its
    /// thread, as nothing can take that from it, but not its caller.
    async fn blocking<T: Send + 'static>(
        &self,
        artifact: &Sha256,
        work: impl FnOnce(&Self, &[u8]) -> Result<T, LoadError> + Send + 'static,
    ) -> Result<T, LoadError> {
        let bytes = self.lake.get(artifact).await.map_err(|error| LoadError::object("artifact", &error))?;
        let loader = self.clone();
        let task = tokio::task::spawn_blocking(move || work(&loader, &bytes));
        match tokio::time::timeout(self.config.load_timeout, task).await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => Err(LoadError::Artifact(panic.to_string())),
            Err(_) => Err(LoadError::TimedOut(self.config.load_timeout)),
        }
    }

    async fn models(
        &self,
        artifact: &Sha256,
        items: usize,
        count: usize,
    ) -> Result<Vec<ScoringModel>, LoadError> {
        let intra_threads = self.config.intra_threads.get();
        self.blocking(artifact, move |loader, bytes| {
            let load = |_| ScoringModel::load(&loader.engine, bytes, items, intra_threads);
            (0..count).map(load).collect()
        })
        .await
    }
}

impl Shared {
    /// A model for a replica that starts: one loaded ahead, or a fresh one for a replacement.
    pub(super) async fn replica_model(self: Arc<Self>) -> Result<ScoringModel, LoadError> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(model) = spare {
            return Ok(model);
        }
        let mut models = self.loader.models(&self.served.artifact, self.items, 1).await?;
        models.pop().ok_or_else(|| LoadError::Start("no model was loaded".to_owned()))
    }

    /// Counts one run.
    pub(super) fn count(&self, requests: usize) {
        self.requests.fetch_add(requests as u64, Ordering::Relaxed);
        self.batches.fetch_add(1, Ordering::Relaxed);
    }
}

impl ModelPool {
    /// Reads, checks and warms the models of every replica. It answers once [`Self::start`] has run.
    ///
    /// # Errors
    /// Why the version cannot be served.
    pub(super) async fn load(loader: &Loader, served: &ServedVersion) -> Result<Self, LoadError> {
        loader.engine.environment().map_err(LoadError::Unavailable)?;
        let vocabulary = loader.vocabulary(&served.vocabulary).await?;
        let config = &loader.config;
        let replicas = config.replicas.get();
        let spare = loader.models(&served.artifact, vocabulary.items(), replicas).await?;
        let room = WaitingRoom::new(served.label(), replicas, config.max_batch.get(), config.queue_max.get());
        let shared = Arc::new(Shared {
            served: served.clone(),
            room,
            max_delay: config.max_delay,
            loader: loader.clone(),
            items: vocabulary.items(),
            spare: Mutex::new(spare),
            requests: AtomicU64::new(0),
            batches: AtomicU64::new(0),
            restarts: AtomicU64::new(0),
        });
        Ok(Self { shared, vocabulary, factory: ArcSwapOption::empty() })
    }

    /// Starts the replicas under `supervisor`. Called again after a failure, it takes up the requests that still wait.
    pub(super) async fn start(
        &self,
        supervisor: ActorCell,
        name: Option<String>,
    ) -> Result<ActorCell, LoadError> {
        let shared = self.shared.clone();
        // The jobs are calls, of which the room sends at most one a replica: this queue needs no bound of its own.
        let arguments = FactoryArguments::builder()
            .worker_builder(Box::new(worker_builder(move |_| (Replica, Start(shared.clone())))))
            .num_initial_workers(self.shared.loader.config.replicas.get())
            .router(QueuerRouting::default())
            .queue(DefaultQueue::default())
            .build();
        let (factory, _) = Actor::spawn_linked(name, ReplicaFactory::default(), arguments, supervisor)
            .await
            .map_err(|error| LoadError::Start(error.to_string()))?;
        let cell = factory.get_cell();
        if self.factory.swap(Some(Arc::new(factory))).is_some() {
            self.shared.restarts.fetch_add(1, Ordering::Relaxed);
        }
        Ok(cell)
    }

    /// Ranks for a history given in content ids; those that the model does not know are ignored.
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
        if let Some(wake) = self.shared.room.enter(request)?
            && let Some(factory) = &*self.factory.load()
        {
            // A factory that is being restarted refuses the call, which undoes it; its replicas look when they start.
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
            Err(ServeError::Failed { model: self.shared.served.label(), why })
        })
    }

    /// The content at a position of a ranking.
    pub(super) fn content(&self, position: u32) -> Option<&str> {
        self.vocabulary.id(position)
    }

    /// The version it answers for.
    #[must_use]
    pub fn served(&self) -> &ServedVersion {
        &self.shared.served
    }

    /// Ends it for good: what waits and what comes is answered with this error.
    pub(super) fn close(&self, error: &ServeError) {
        self.shared.room.close(error);
    }

    /// Its figures.
    #[must_use]
    pub fn view(&self) -> PoolView {
        PoolView {
            served: self.shared.served.clone(),
            ready: true,
            items: self.vocabulary.items(),
            waiting: self.shared.room.waiting(),
            requests: self.shared.requests.load(Ordering::Relaxed),
            batches: self.shared.batches.load(Ordering::Relaxed),
            restarts: self.shared.restarts.load(Ordering::Relaxed),
            trouble: None,
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
