//! The actor that keeps the right pools running: it loads what the published models name, puts each on stage once it is
//! warm, and starts a pool's factory again when it ends.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::task::JoinHandle;

use super::desired::ServedVersion;
use super::error::{LoadError, ServeError};
use super::metrics;
use super::pool::ModelPool;
use super::recommender::{House, Stage};

/// When a load that may heal by itself is tried again: the object may still be on its way to this node's lake.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// A pool whose factory ended this often within [`RESTART_PERIOD`] is taken off the stage until it is published anew.
const RESTARTS_MAX: usize = 5;
const RESTART_PERIOD: Duration = Duration::from_secs(30);

/// Compare what is published with what runs. Sent by the watch of the globals, one at a time.
#[derive(Debug)]
pub(super) enum Reconcile {
    /// The globals changed; the reply frees the watch for the next change.
    Changed(ractor::RpcReplyPort<()>),
    /// Something may have healed.
    Retry,
}
impl ractor::Message for Reconcile {}

/// The supervisor of this node's pools.
pub(super) struct Serving;

pub(super) struct Running {
    house: Arc<House>,
    /// Factories by actor, each with the version it serves and when it was restarted. No pool is held here, so that one
    /// that left the stage ends with its last request.
    factories: BTreeMap<ActorId, Factory>,
    troubles: Vec<Trouble>,
    retry: Option<JoinHandle<Result<(), ractor::MessagingErr<Reconcile>>>>,
    watch: JoinHandle<()>,
}

struct Factory {
    served: ServedVersion,
    restarts: VecDeque<Instant>,
}

/// A version that did not load.
struct Trouble {
    served: ServedVersion,
    why: String,
    may_heal: bool,
}

impl Actor for Serving {
    type Msg = Reconcile;
    type State = Running;
    type Arguments = Arc<House>;

    async fn pre_start(
        &self,
        myself: ActorRef<Reconcile>,
        house: Arc<House>,
    ) -> Result<Running, ActorProcessingErr> {
        // A predecessor's factories ended with it.
        house.clear_stage();
        let watch = tokio::spawn(watch(house.clone(), myself));
        Ok(Running { house, factories: BTreeMap::new(), troubles: Vec::new(), retry: None, watch })
    }

    async fn post_stop(&self, _: ActorRef<Reconcile>, state: &mut Running) -> Result<(), ActorProcessingErr> {
        state.watch.abort();
        state.house.clear_stage();
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
            SupervisionEvent::ActorTerminated(who, _, reason) => {
                state.ended(&myself, &who, &reason.unwrap_or_else(|| "stopped".to_owned())).await;
            }
            SupervisionEvent::ActorFailed(who, error) => {
                state.ended(&myself, &who, &error.to_string()).await;
            }
            _ => {}
        }
        Ok(())
    }
}

/// Turns publications into messages. It waits for each to be handled, so that at most one is in the mailbox, and several
/// publications meanwhile are one.
async fn watch(house: Arc<House>, actor: ActorRef<Reconcile>) {
    let mut published = house.globals.subscribe();
    loop {
        published.mark_unchanged();
        if actor.call(Reconcile::Changed, None).await.is_err() || published.changed().await.is_err() {
            return;
        }
    }
}

impl Running {
    async fn reconcile(&mut self, myself: &ActorRef<Reconcile>) {
        let mut desired = (self.house.source)(&self.house.globals);
        let mut pools = self.house.stage.load().pools();
        if desired.is_empty() && !pools.is_empty() {
            // Published models do not vanish: the control group is being loaded anew. What runs goes on.
            return;
        }
        // A model's champion is loaded first: it is what most requests wait for.
        desired.sort_by(|a, b| (&a.model, !a.champion, a.version).cmp(&(&b.model, !b.champion, b.version)));
        let known = std::mem::take(&mut self.troubles);
        self.show(&desired, &pools);
        for served in &desired {
            if pools.iter().any(|pool| pool.served().same_pool(served)) {
                continue;
            }
            let known = known.iter().find(|trouble| trouble.served.same_pool(served));
            match self.open(myself.get_cell(), served, known).await {
                Ok(pool) => {
                    pools.push(pool);
                    self.show(&desired, &pools);
                }
                Err(trouble) => self.troubles.push(trouble),
            }
        }
        self.show(&desired, &pools);
        self.retry_later(myself);
    }

    /// Loads and starts one version. What failed for good is not tried again: objects never change.
    async fn open(
        &mut self,
        myself: ActorCell,
        served: &ServedVersion,
        known: Option<&Trouble>,
    ) -> Result<Arc<ModelPool>, Trouble> {
        if let Some(known) = known.filter(|trouble| !trouble.may_heal) {
            return Err(Trouble { served: served.clone(), why: known.why.clone(), may_heal: false });
        }
        let started = Instant::now();
        let label = served.label();
        match self.load(myself, served).await {
            Ok(pool) => {
                metrics::loaded(true);
                let took_ms = started.elapsed().as_millis();
                tracing::info!(model = label, took_ms, "model version ready");
                self.house.note(&label, "started", &format!("{}, {took_ms} ms", served.algorithm));
                Ok(pool)
            }
            Err(error) => {
                let why = error.to_string();
                if known.is_none_or(|known| known.why != why) {
                    metrics::loaded(false);
                    tracing::error!(model = label, error = why, "model version not loaded");
                    self.house.note(&label, "fault", &why);
                }
                Err(Trouble { served: served.clone(), why, may_heal: error.may_heal() })
            }
        }
    }

    async fn load(&mut self, myself: ActorCell, served: &ServedVersion) -> Result<Arc<ModelPool>, LoadError> {
        let pool = ModelPool::load(&self.house.loader, served).await?;
        let name = self.house.free_name(&format!("serving/{}", served.label()));
        let actor = pool.start(myself, name).await?;
        self.factories.insert(actor.get_id(), Factory { served: served.clone(), restarts: VecDeque::new() });
        Ok(Arc::new(pool))
    }

    /// Puts on stage what is desired and ready. A champion that cannot be replaced yet stays; everything else that is no
    /// longer desired leaves, and ends when its last request is answered.
    fn show(&mut self, desired: &[ServedVersion], pools: &[Arc<ModelPool>]) {
        let before = self.house.stage.load();
        let mut stage = Stage::default();
        for served in desired {
            let billing = stage.models.entry(served.model.clone()).or_default();
            let Some(pool) = pools.iter().find(|pool| pool.served().same_pool(served)) else { continue };
            billing.pools.insert(served.version, pool.clone());
            if served.champion {
                billing.champion = Some(pool.clone());
            }
        }
        for (model, billing) in &mut stage.models {
            if billing.champion.is_none() {
                let kept = before.models.get(model).and_then(|before| before.champion.clone());
                if let Some(kept) = &kept {
                    billing.pools.entry(kept.served().version).or_insert_with(|| kept.clone());
                }
                billing.champion = kept;
            }
            let troubles = self.troubles.iter().filter(|trouble| trouble.served.model == *model);
            billing.troubles =
                troubles.map(|trouble| (trouble.served.clone(), trouble.why.clone())).collect();
        }
        let shown = stage.pools();
        metrics::pools(shown.len());
        self.factories.retain(|_, factory| shown.iter().any(|pool| pool.served().same_pool(&factory.served)));
        self.house.stage.store(Arc::new(stage));
    }

    /// Starts a pool's factory again, unless the pool has left the stage or ends too often.
    async fn ended(&mut self, myself: &ActorRef<Reconcile>, who: &ActorCell, reason: &str) {
        let Some(mut factory) = self.factories.remove(&who.get_id()) else { return };
        let mut pools = self.house.stage.load().pools();
        let Some(at) = pools.iter().position(|pool| pool.served().same_pool(&factory.served)) else { return };
        let label = factory.served.label();
        tracing::warn!(model = label, error = reason, "a pool's factory ended");
        let now = Instant::now();
        factory.restarts.retain(|&at| now.duration_since(at) < RESTART_PERIOD);
        let failure = if factory.restarts.len() >= RESTARTS_MAX {
            format!("ended {RESTARTS_MAX} times in {RESTART_PERIOD:?}, last: {reason}")
        } else {
            factory.restarts.push_back(now);
            let name = self.house.free_name(&format!("serving/{label}"));
            match pools[at].start(myself.get_cell(), name).await {
                Ok(actor) => {
                    metrics::restarted();
                    self.house.note(&label, "restarted", reason);
                    self.factories.insert(actor.get_id(), factory);
                    return;
                }
                Err(error) => error.to_string(),
            }
        };
        tracing::error!(model = label, error = failure, "a pool is given up");
        self.house.note(&label, "given_up", &failure);
        let given_up = pools.swap_remove(at);
        given_up.close(&ServeError::Failed { model: label, why: failure.clone() });
        self.withdraw(&given_up);
        self.troubles.push(Trouble { served: factory.served, why: failure, may_heal: true });
        self.retry_later(myself);
    }

    /// Takes a pool off the stage.
    fn withdraw(&self, gone: &Arc<ModelPool>) {
        let mut stage = Stage::clone(&self.house.stage.load());
        for billing in stage.models.values_mut() {
            billing.pools.retain(|_, pool| !Arc::ptr_eq(pool, gone));
            billing.champion = billing.champion.take().filter(|champion| !Arc::ptr_eq(champion, gone));
        }
        self.house.stage.store(Arc::new(stage));
    }

    fn retry_later(&mut self, myself: &ActorRef<Reconcile>) {
        if let Some(retry) = self.retry.take() {
            retry.abort();
        }
        if self.troubles.iter().any(|trouble| trouble.may_heal) {
            self.retry = Some(myself.send_after(RETRY_AFTER, || Reconcile::Retry));
        }
    }
}
