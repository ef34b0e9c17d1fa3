//! The node's recommender: finds the pool for a request and names the contents it ranks.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use bincode::{Decode, Encode};
use ractor::Actor;
use serde::{Deserialize, Serialize};
use troupe_runtime::entity::Globals;
use troupe_runtime::observe::{Journal, Lifecycle};
use troupe_runtime::supervised::{ChildSpec, Restart};
use troupe_runtime::{NodeId, Timestamp};

use super::config::ServingConfig;
use super::desired::{ServedVersion, desired};
use super::engine::{Engine, EngineKind};
use super::error::{LoadError, ServeError};
use super::metrics;
use super::model::Verified;
use super::pool::{Loader, ModelPool, PoolView};
use super::supervisor::Serving;
use super::waiting::Timing;
use troupe_lake::{Lake, Sha256};

/// Most items in one answer.
const K_MAX: usize = 1000;

/// What is asked of a model.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The model's name.
    pub model: &'a str,
    /// The version wanted; the champion answers where none is, or where that one is not loaded here.
    pub version: Option<u32>,
    /// Ids of the contents that the member interacted with; unknown ones are ignored.
    pub history: &'a [String],
    /// Whether contents of the history are left out of the answer.
    pub exclude_history: bool,
    /// How many items, at most 1000.
    pub k: usize,
    /// When the answer is of no more use.
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
    /// How it was trained.
    pub algorithm: String,
    /// Where the time went.
    pub timing: Timing,
}

/// What answers at this moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Stage {
    pub(super) models: BTreeMap<String, Billing>,
}

/// One model's pools.
#[derive(Debug, Clone, Default)]
pub(super) struct Billing {
    pub(super) champion: Option<Arc<ModelPool>>,
    pub(super) pools: BTreeMap<u32, Arc<ModelPool>>,
    /// Versions that should be here and are not, with the reason.
    pub(super) troubles: Vec<(ServedVersion, String)>,
}

impl Stage {
    /// Every pool on stage.
    pub(super) fn pools(&self) -> Vec<Arc<ModelPool>> {
        self.models.values().flat_map(|billing| billing.pools.values().cloned()).collect()
    }
}

/// Reads the versions to serve out of the published state.
pub(super) type Source = Arc<dyn Fn(&Globals) -> Vec<ServedVersion> + Send + Sync>;

pub(super) struct House {
    pub(super) node: NodeId,
    pub(super) loader: Loader,
    pub(super) globals: Arc<Globals>,
    pub(super) source: Source,
    pub(super) stage: ArcSwap<Stage>,
    journal: Option<Arc<dyn Journal>>,
}

/// Recommendations on this node; cheap to clone. It answers from the moment that its supervised child runs and has
/// loaded what is published.
#[derive(Clone)]
pub struct Recommender {
    house: Arc<House>,
}

impl Recommender {
    /// A recommender over what `globals` publishes, with its objects in `lake`.
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
        let stage = ArcSwap::default();
        Self { house: Arc::new(House { node, loader, globals, source, stage, journal }) }
    }

    /// The actor that loads, swaps and restarts the pools, for the node's supervision tree.
    #[must_use]
    pub fn child(&self) -> ChildSpec {
        let house = self.house.clone();
        ChildSpec {
            name: "serving".to_owned(),
            restart: Restart::Permanent,
            start: Arc::new(move |supervisor| {
                let house = house.clone();
                Box::pin(async move {
                    let name = house.free_name("serving");
                    let (actor, _) = match supervisor {
                        Some(supervisor) => Actor::spawn_linked(name, Serving, house, supervisor).await?,
                        None => Actor::spawn(name, Serving, house).await?,
                    };
                    Ok(actor.get_cell())
                })
            }),
        }
    }

    /// Which engine runs the models.
    #[must_use]
    pub fn engine(&self) -> &EngineKind {
        self.house.loader.engine.kind()
    }

    /// Loads and tries an artifact as it would be served: what publishing asks first.
    ///
    /// # Errors
    /// Why the artifact is refused, or that this node cannot tell.
    pub async fn verify(&self, artifact: &Sha256, vocabulary: &Sha256) -> Result<Verified, LoadError> {
        let verified = self.house.loader.verify(artifact, vocabulary).await;
        metrics::loaded(verified.is_ok());
        verified
    }

    /// Ranks contents for a history.
    ///
    /// # Errors
    /// [`ServeError`]: each may be asked again, none changed anything.
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
        let stage = self.house.stage.load();
        if let EngineKind::Unavailable(why) = self.engine() {
            return Err(ServeError::Unavailable(why.clone()));
        }
        let billing = stage.models.get(model).ok_or_else(|| ServeError::NoModel(model.to_owned()))?;
        let exact = version.and_then(|version| billing.pools.get(&version));
        exact.or(billing.champion.as_ref()).cloned().ok_or_else(|| {
            let why = billing.troubles.first().map_or("it is being loaded", |(_, why)| why);
            ServeError::NotReady { model: model.to_owned(), why: why.to_owned() }
        })
    }

    /// Every version that is loaded or should be, by model and version.
    #[must_use]
    pub fn view(&self) -> Vec<PoolView> {
        let stage = self.house.stage.load();
        let mut views = Vec::new();
        for billing in stage.models.values() {
            let champion = billing.champion.as_ref();
            for pool in billing.pools.values() {
                let mut view = pool.view();
                view.served.champion = champion.is_some_and(|champion| Arc::ptr_eq(champion, pool));
                views.push(view);
            }
            views.extend(billing.troubles.iter().map(|(served, why)| PoolView {
                served: ServedVersion { champion: false, ..served.clone() },
                ready: false,
                items: 0,
                waiting: 0,
                requests: 0,
                batches: 0,
                restarts: 0,
                trouble: Some(why.clone()),
            }));
        }
        views
    }
}

impl House {
    /// Takes every pool off the stage when their supervisor has ended, and they with it. Whoever waits is told, since
    /// nobody is left to serve them.
    pub(super) fn clear_stage(&self) {
        let before = self.stage.swap(Arc::default());
        for pool in before.pools() {
            let why = "serving is being restarted".to_owned();
            pool.close(&ServeError::NotReady { model: pool.served().model.clone(), why });
        }
    }

    /// The actor's name in the tree. Several nodes in one process share ractor's registry of names, hence the node; a
    /// name still taken by a predecessor that is ending is left out.
    pub(super) fn free_name(&self, what: &str) -> Option<String> {
        let name = format!("n{}/{what}", self.node);
        ractor::registry::where_is(name.clone()).is_none().then_some(name)
    }

    /// Keeps a change in the life of a pool.
    pub(super) fn note(&self, subject: &str, change: &str, reason: &str) {
        if let Some(journal) = &self.journal {
            journal.record(Lifecycle {
                at: Timestamp::wall(),
                node: self.node,
                subject: format!("serving/{subject}"),
                change: change.to_owned(),
                reason: reason.to_owned(),
            });
        }
    }
}

impl fmt::Debug for Recommender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recommender").field("node", &self.house.node).field("pools", &self.view()).finish()
    }
}
