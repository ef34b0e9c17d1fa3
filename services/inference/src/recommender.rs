//! The node's recommender: finds the pool of a request and translates its ranking into content ids.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use bincode::{Decode, Encode};
use ractor::Actor;
use serde::{Deserialize, Serialize};
use troupe_runtime::NodeId;
use troupe_runtime::entity::Globals;
use troupe_runtime::observe::Journal;
use troupe_runtime::supervised::{ChildSpec, Restart};

use super::config::ServingConfig;
use super::desired::{ServedVersion, desired};
use super::engine::{Engine, EngineKind};
use super::error::{LoadError, ServeError};
use super::loader::Loader;
use super::metrics;
use super::model::Verified;
use super::pool::{ModelPool, PoolView};
use super::shared::{Shared, Source};
use super::supervisor::Serving;
use super::timing::Timing;
use troupe_lake::{Lake, Sha256};

/// Most items in one answer.
const K_MAX: usize = 1000;

/// One request for recommendations.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The model's name.
    pub model: &'a str,
    /// The version. The champion answers for `None` and for a version that is not loaded here.
    pub version: Option<u32>,
    /// Ids of the contents that the member interacted with; unknown ids are ignored.
    pub history: &'a [String],
    /// Whether contents of the history are left out of the answer.
    pub exclude_history: bool,
    /// Number of items; more than 1000 is cut to 1000.
    pub k: usize,
    /// Deadline of the answer; `None` waits without a limit.
    pub deadline: Option<Instant>,
}

/// A ranked answer.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Recommended {
    /// Content ids with their scores, best first.
    pub items: Vec<(String, f32)>,
    /// The model that answered.
    pub model: String,
    /// The version that answered.
    pub version: u32,
    /// The algorithm that trained it.
    pub algorithm: String,
    /// Time in the queue and in the run.
    pub timing: Timing,
}

/// Recommendations on this node; cheap to clone. It answers once its supervised child has loaded the published models.
#[derive(Clone)]
pub struct Recommender {
    shared: Arc<Shared>,
}

impl Recommender {
    /// A recommender for the models published in `globals`, with its objects in `lake`.
    #[must_use]
    pub fn new(
        node: NodeId,
        engine: Engine,
        lake: Lake,
        config: ServingConfig,
        globals: Arc<Globals>,
        journal: Option<Arc<dyn Journal>>,
    ) -> Self {
        let loader = Loader { engine, lake, config: Arc::new(config) };
        Self::with_source(node, loader, globals, journal, Arc::new(desired))
    }

    pub(super) fn with_source(
        node: NodeId,
        loader: Loader,
        globals: Arc<Globals>,
        journal: Option<Arc<dyn Journal>>,
        source: Source,
    ) -> Self {
        let loaded = ArcSwap::default();
        Self { shared: Arc::new(Shared { node, loader, globals, source, loaded, journal }) }
    }

    /// The actor that loads, swaps and restarts the pools, for the node's supervision tree.
    #[must_use]
    pub fn child(&self) -> ChildSpec {
        let shared = self.shared.clone();
        ChildSpec {
            name: "serving".to_owned(),
            restart: Restart::Permanent,
            start: Arc::new(move |supervisor| {
                let shared = shared.clone();
                Box::pin(async move {
                    let name = shared.free_name("serving");
                    let (actor, _) = match supervisor {
                        Some(supervisor) => Actor::spawn_linked(name, Serving, shared, supervisor).await?,
                        None => Actor::spawn(name, Serving, shared).await?,
                    };
                    Ok(actor.get_cell())
                })
            }),
        }
    }

    /// The engine that runs the models.
    #[must_use]
    pub fn engine(&self) -> &EngineKind {
        self.shared.loader.engine.kind()
    }

    /// Loads an artifact and runs it as it would be served. Publishing calls this first.
    ///
    /// # Errors
    /// [`LoadError`]: why the artifact is refused, or why this node cannot check it.
    pub async fn verify(&self, artifact: &Sha256, vocabulary: &Sha256) -> Result<Verified, LoadError> {
        let verified = self.shared.loader.verify(artifact, vocabulary).await;
        metrics::loaded(verified.is_ok());
        verified
    }

    /// Ranks contents for a history.
    ///
    /// # Errors
    /// [`ServeError`]. Scoring changes no state, so every request may be repeated.
    pub async fn recommend(&self, ask: Ask<'_>) -> Result<Recommended, ServeError> {
        let result = self.answer(ask).await;
        metrics::answered(result.as_ref().map(|_| ()));
        result
    }

    async fn answer(&self, ask: Ask<'_>) -> Result<Recommended, ServeError> {
        if ask.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(ServeError::Expired);
        }
        let pool = self.pool(ask.model, ask.version)?;
        let k = ask.k.min(K_MAX);
        let scored = pool.rank(ask.history, ask.exclude_history, k, ask.deadline).await?;
        let named =
            scored.ranked.iter().filter_map(|(at, score)| Some((pool.content(*at)?.to_owned(), *score)));
        let served = pool.served();
        Ok(Recommended {
            items: named.collect(),
            model: served.model.clone(),
            version: served.version,
            algorithm: served.algorithm.clone(),
            timing: scored.timing,
        })
    }

    fn pool(&self, model: &str, version: Option<u32>) -> Result<Arc<ModelPool>, ServeError> {
        let loaded = self.shared.loaded.load();
        if let EngineKind::Unavailable(why) = self.engine() {
            return Err(ServeError::Unavailable(why.clone()));
        }
        let versions = loaded.models.get(model).ok_or_else(|| ServeError::NoModel(model.to_owned()))?;
        let exact = version.and_then(|version| versions.pools.get(&version));
        exact.or(versions.champion.as_ref()).cloned().ok_or_else(|| {
            let why = versions.failures.first().map_or("it is being loaded", |(_, why)| why);
            ServeError::NotReady { model: model.to_owned(), why: why.to_owned() }
        })
    }

    /// Every loaded and every failed version, by model and version.
    #[must_use]
    pub fn view(&self) -> Vec<PoolView> {
        let loaded = self.shared.loaded.load();
        let mut views = Vec::new();
        for versions in loaded.models.values() {
            let champion = versions.champion.as_ref();
            for pool in versions.pools.values() {
                let mut view = pool.view();
                view.served.champion = champion.is_some_and(|champion| Arc::ptr_eq(champion, pool));
                views.push(view);
            }
            views.extend(versions.failures.iter().map(|(served, why)| PoolView {
                served: ServedVersion { champion: false, ..served.clone() },
                ready: false,
                items: 0,
                waiting: 0,
                requests: 0,
                batches: 0,
                restarts: 0,
                failure: Some(why.clone()),
            }));
        }
        views
    }
}

impl fmt::Debug for Recommender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recommender").field("node", &self.shared.node).field("pools", &self.view()).finish()
    }
}
