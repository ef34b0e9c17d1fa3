//! The supervisor actor of a node's pools. It loads the published model versions and lets each answer once it is warm. It
//! restarts a pool's factory after a failure.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::task::JoinHandle;

use super::desired::ServedVersion;
use super::error::{LoadError, ServeError};
use super::metrics;
use super::pool::ModelPool;
use super::shared::{LoadedModels, Shared};

/// Delay before a transient load failure is retried: the object may still be on its way to this node's lake.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// A pool is withdrawn when its factory ends more often than this within [`RESTART_PERIOD`].
const RESTARTS_MAX: usize = 5;
const RESTART_PERIOD: Duration = Duration::from_secs(30);

/// Compares the published models with the running pools. The watch of the globals sends one at a time.
#[derive(Debug)]
pub(super) enum Reconcile {
    /// The globals changed; the reply frees the watch for the next change.
    Changed(ractor::RpcReplyPort<()>),
    /// A transient load failure is due for a retry.
    Retry,
}
impl ractor::Message for Reconcile {}

/// The supervisor of this node's pools; its state is [`Running`].
pub(super) struct Serving;

pub(super) struct Running {
    shared: Arc<Shared>,
    /// Factories by actor, each with its version and its restarts. No pool is held here, so a withdrawn pool ends with
    /// its last request.
    factories: BTreeMap<ActorId, Factory>,
    failures: Vec<LoadFailure>,
    retry: Option<JoinHandle<Result<(), ractor::MessagingErr<Reconcile>>>>,
    watch: JoinHandle<()>,
}

struct Factory {
    served: ServedVersion,
    restarts: VecDeque<Instant>,
}

/// A version that did not load, or with a factory that ended too often.
struct LoadFailure {
    served: ServedVersion,
    why: String,
    may_heal: bool,
}

impl Actor for Serving {
    type Msg = Reconcile;
    type State = Running;
    type Arguments = Arc<Shared>;

    async fn pre_start(
        &self,
        myself: ActorRef<Reconcile>,
        shared: Arc<Shared>,
    ) -> Result<Running, ActorProcessingErr> {
        // A predecessor's factories ended with it.
        shared.clear();
        let watch = tokio::spawn(watch(shared.clone(), myself));
        Ok(Running { shared, factories: BTreeMap::new(), failures: Vec::new(), retry: None, watch })
    }

    async fn post_stop(&self, _: ActorRef<Reconcile>, state: &mut Running) -> Result<(), ActorProcessingErr> {
        state.watch.abort();
        state.shared.clear();
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<Reconcile>,
        message: Reconcile,
        state: &mut Running,
    ) -> Result<(), ActorProcessingErr> {
        state.reconcile(&myself).await;
        if let Reconcile::Changed(reply) = message {
            let _ = reply.send(());
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Reconcile>,
        event: SupervisionEvent,
        state: &mut Running,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(actor, _, reason) => {
                state.ended(&myself, &actor, &reason.unwrap_or_else(|| "stopped".to_owned())).await;
            }
            SupervisionEvent::ActorFailed(actor, error) => {
                state.ended(&myself, &actor, &error.to_string()).await;
            }
            _ => {}
        }
        Ok(())
    }
}

/// Turns publications into messages. It waits until each is handled: at most one is in the mailbox, and publications in
/// between are merged.
async fn watch(shared: Arc<Shared>, actor: ActorRef<Reconcile>) {
    let mut published = shared.globals.subscribe();
    loop {
        published.mark_unchanged();
        if actor.call(Reconcile::Changed, None).await.is_err() || published.changed().await.is_err() {
            return;
        }
    }
}

impl Running {
    async fn reconcile(&mut self, myself: &ActorRef<Reconcile>) {
        let mut desired = (self.shared.source)(&self.shared.globals);
        let mut pools = self.shared.loaded.load().pools();
        if desired.is_empty() && !pools.is_empty() {
            // Published models are never removed, so the control group is being reloaded. The pools keep running.
            return;
        }
        // The champion of a model is loaded first, because most requests wait for it.
        desired.sort_by(|a, b| (&a.model, !a.champion, a.version).cmp(&(&b.model, !b.champion, b.version)));
        let known = std::mem::take(&mut self.failures);
        self.publish(&desired, &pools);
        for served in &desired {
            if pools.iter().any(|pool| pool.served().same_pool(served)) {
                continue;
            }
            let known = known.iter().find(|failure| failure.served.same_pool(served));
            match self.open(myself.get_cell(), served, known).await {
                Ok(pool) => {
                    pools.push(pool);
                    self.publish(&desired, &pools);
                }
                Err(failure) => self.failures.push(failure),
            }
        }
        self.publish(&desired, &pools);
        self.retry_later(myself);
    }

    /// Loads and starts one version. A permanent failure is not retried, because objects never change.
    async fn open(
        &mut self,
        myself: ActorCell,
        served: &ServedVersion,
        known: Option<&LoadFailure>,
    ) -> Result<Arc<ModelPool>, LoadFailure> {
        if let Some(known) = known.filter(|failure| !failure.may_heal) {
            return Err(LoadFailure { served: served.clone(), why: known.why.clone(), may_heal: false });
        }
        let started = Instant::now();
        let label = served.label();
        match self.load(myself, served).await {
            Ok(pool) => {
                metrics::loaded(true);
                let took_ms = started.elapsed().as_millis();
                tracing::info!(model = label, took_ms, "model version ready");
                self.shared.note(&label, "started", &format!("{}, {took_ms} ms", served.algorithm));
                Ok(pool)
            }
            Err(error) => {
                let why = error.to_string();
                if known.is_none_or(|known| known.why != why) {
                    metrics::loaded(false);
                    tracing::error!(model = label, error = why, "model version not loaded");
                    self.shared.note(&label, "fault", &why);
                }
                Err(LoadFailure { served: served.clone(), why, may_heal: error.may_heal() })
            }
        }
    }

    async fn load(&mut self, myself: ActorCell, served: &ServedVersion) -> Result<Arc<ModelPool>, LoadError> {
        let pool = ModelPool::load(&self.shared.loader, served).await?;
        let name = self.shared.free_name(&format!("serving/{}", served.label()));
        let actor = pool.start(myself, name).await?;
        self.factories.insert(actor.get_id(), Factory { served: served.clone(), restarts: VecDeque::new() });
        Ok(Arc::new(pool))
    }

    /// Lets every desired and ready version answer. A champion without a ready successor stays. Every other undesired
    /// pool is withdrawn and ends with its last request.
    fn publish(&mut self, desired: &[ServedVersion], pools: &[Arc<ModelPool>]) {
        let before = self.shared.loaded.load();
        let mut loaded = LoadedModels::default();
        for served in desired {
            let versions = loaded.models.entry(served.model.clone()).or_default();
            let Some(pool) = pools.iter().find(|pool| pool.served().same_pool(served)) else { continue };
            versions.pools.insert(served.version, pool.clone());
            if served.champion {
                versions.champion = Some(pool.clone());
            }
        }
        for (model, versions) in &mut loaded.models {
            if versions.champion.is_none() {
                let kept = before.models.get(model).and_then(|before| before.champion.clone());
                if let Some(kept) = &kept {
                    versions.pools.entry(kept.served().version).or_insert_with(|| kept.clone());
                }
                versions.champion = kept;
            }
            let failures = self.failures.iter().filter(|failure| failure.served.model == *model);
            versions.failures =
                failures.map(|failure| (failure.served.clone(), failure.why.clone())).collect();
        }
        let published = loaded.pools();
        metrics::pools(published.len());
        self.factories
            .retain(|_, factory| published.iter().any(|pool| pool.served().same_pool(&factory.served)));
        self.shared.loaded.store(Arc::new(loaded));
    }

    /// Restarts a pool's factory, unless the pool was withdrawn or ends too often.
    async fn ended(&mut self, myself: &ActorRef<Reconcile>, actor: &ActorCell, reason: &str) {
        let Some(mut factory) = self.factories.remove(&actor.get_id()) else { return };
        let mut pools = self.shared.loaded.load().pools();
        let Some(at) = pools.iter().position(|pool| pool.served().same_pool(&factory.served)) else { return };
        let label = factory.served.label();
        tracing::warn!(model = label, error = reason, "a pool's factory ended");
        let now = Instant::now();
        factory.restarts.retain(|&at| now.duration_since(at) < RESTART_PERIOD);
        let reason = if factory.restarts.len() >= RESTARTS_MAX {
            format!("ended {RESTARTS_MAX} times in {RESTART_PERIOD:?}, last: {reason}")
        } else {
            factory.restarts.push_back(now);
            let name = self.shared.free_name(&format!("serving/{label}"));
            match pools[at].start(myself.get_cell(), name).await {
                Ok(actor) => {
                    metrics::restarted();
                    self.shared.note(&label, "restarted", reason);
                    self.factories.insert(actor.get_id(), factory);
                    return;
                }
                Err(error) => error.to_string(),
            }
        };
        tracing::error!(model = label, error = reason, "a pool is given up");
        self.shared.note(&label, "given_up", &reason);
        let given_up = pools.swap_remove(at);
        given_up.close(&ServeError::Failed { model: label, why: reason.clone() });
        self.withdraw(&given_up);
        self.failures.push(LoadFailure { served: factory.served, why: reason, may_heal: true });
        self.retry_later(myself);
    }

    /// Removes a pool from the loaded models.
    fn withdraw(&self, gone: &Arc<ModelPool>) {
        let mut loaded = LoadedModels::clone(&self.shared.loaded.load());
        for versions in loaded.models.values_mut() {
            versions.pools.retain(|_, pool| !Arc::ptr_eq(pool, gone));
            versions.champion = versions.champion.take().filter(|champion| !Arc::ptr_eq(champion, gone));
        }
        self.shared.loaded.store(Arc::new(loaded));
    }

    fn retry_later(&mut self, myself: &ActorRef<Reconcile>) {
        if let Some(retry) = self.retry.take() {
            retry.abort();
        }
        if self.failures.iter().any(|failure| failure.may_heal) {
            self.retry = Some(myself.send_after(RETRY_AFTER, || Reconcile::Retry));
        }
    }
}
