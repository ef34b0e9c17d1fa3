//! The composition of one node's runtime.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::FutureExt as _;
use ractor::Actor as _;
use tokio::sync::oneshot;

use super::calls::Calls;
use super::directory::Directory;
use super::inspect::{ClusterInspect, SERVICE};
use super::postbox::Postbox;
use super::services::{ServiceHandler, Services};
use super::spec::{Disk, RuntimeSpec};
use crate::address::{NodeId, ShardId};
use crate::entity::{Globals, Registry};
use crate::error::AskError;
use crate::observe::{Inspect, Journal};
use crate::replication::{ReplicaId, SnapshotMark, Start};
use crate::routing::{ClusterDispatch, Router};
use crate::shard::{Mailbox, ShardActor, ShardArguments, ShardWorld, StoreThread, SystemInput};
use crate::storage::GroupLog;
use crate::supervised::{ChildSpec, Restart};
use crate::time::{Clock, Timestamp};
use crate::transport::{Envelope, Outcome, ReceiverSlot, ServiceCall, Transport};

/// Why a runtime could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// This node is not among the configured ones.
    #[error("node {0} is not in the configuration")]
    NotConfigured(NodeId),
    /// The store's thread could not be started.
    #[error("the store's thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
    /// The transport already had a receiver.
    #[error("the transport already has a receiver")]
    ReceiverTaken,
}

/// One node's runtime. Its shards run once their [`ChildSpec`]s are started by a supervisor.
pub struct Runtime {
    spec: RuntimeSpec,
    started: Timestamp,
    world: Arc<ShardWorld>,
    calls: Arc<Calls>,
    services: Arc<Services>,
    router: Router,
    recovered: Arc<Mutex<BTreeMap<ShardId, GroupLog>>>,
    damaged: BTreeMap<ShardId, String>,
    starts: HashMap<ShardId, Arc<AtomicU32>>,
}

impl Runtime {
    /// Puts a node together. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(
        spec: RuntimeSpec,
        registry: Arc<Registry>,
        journal: Arc<dyn Journal>,
        transport: Arc<dyn Transport>,
        slot: &ReceiverSlot,
        disk: Disk,
    ) -> Result<Arc<Self>, OpenError> {
        if !spec.nodes.iter().any(|node| node.id == spec.here) {
            return Err(OpenError::NotConfigured(spec.here));
        }
        let (clock, config) = (Clock::start(), spec.config.clone());
        let mailboxes: Vec<Arc<Mailbox>> =
            (0..=config.shards).map(|shard| Mailbox::new(ShardId(shard), &config.shard)).collect();
        let directory = Arc::new(Directory::new(config.shards, &mailboxes));
        let calls = Arc::new(Calls::default());
        let services = Arc::new(Services::default());
        let dispatch = ClusterDispatch {
            here: spec.here,
            nodes: spec.nodes.iter().map(|node| node.id).collect(),
            shards: config.shards,
            clock,
            registry: registry.clone(),
            directory: directory.clone(),
            calls: calls.clone(),
            transport: transport.clone(),
        };
        let router = Router::new(Arc::new(dispatch), registry.clone(), config.shards);
        let store_thread = Arc::new(StoreThread::start(disk.store.clone(), config.raft.snapshot_bytes_max)?);
        let postbox = Postbox::new(
            spec.here,
            clock,
            directory.clone(),
            calls.clone(),
            services.clone(),
            transport.clone(),
            journal.clone(),
            config.raft.snapshot_bytes_max,
        );
        let world = Arc::new(ShardWorld {
            here: spec.here,
            shards: config.shards,
            clock,
            log: disk.log,
            store: disk.store,
            store_thread,
            transport,
            directory,
            journal,
            registry,
            globals: Arc::new(Globals::default()),
            raft: config.raft,
            shard: config.shard,
        });
        // What was read when the log was opened serves each shard's first start, an empty log included.
        let mut recovered = disk.recovered;
        for mailbox in &mailboxes {
            recovered.entry(mailbox.shard()).or_default();
        }
        let runtime = Arc::new(Self {
            starts: mailboxes.iter().map(|mailbox| (mailbox.shard(), Arc::default())).collect(),
            spec,
            started: Timestamp::wall(),
            world,
            calls,
            services,
            router,
            recovered: Arc::new(Mutex::new(recovered)),
            damaged: disk.damaged,
        });
        let inspect = ClusterInspect(runtime.clone());
        let answer: ServiceHandler = Arc::new(move |body| {
            let inspect = inspect.clone();
            async move { inspect.serve(body).await }.boxed()
        });
        runtime.services.offer(SERVICE, answer);
        slot.set(Arc::new(postbox)).map_err(|_| OpenError::ReceiverTaken)?;
        Ok(runtime)
    }

    /// The shards' actors, for a supervisor.
    #[must_use]
    pub fn children(&self) -> Vec<ChildSpec> {
        self.world.directory.mailboxes().map(|mailbox| self.child(mailbox.clone())).collect()
    }

    /// Asks entities anywhere.
    #[must_use]
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// The control group's states.
    #[must_use]
    pub fn globals(&self) -> Arc<Globals> {
        self.world.globals.clone()
    }

    /// The kinds.
    #[must_use]
    pub fn registry(&self) -> &Arc<Registry> {
        &self.world.registry
    }

    /// What it was opened with.
    #[must_use]
    pub const fn spec(&self) -> &RuntimeSpec {
        &self.spec
    }

    /// When it was opened.
    #[must_use]
    pub const fn started(&self) -> Timestamp {
        self.started
    }

    /// Looks into the cluster.
    #[must_use]
    pub fn inspect(self: &Arc<Self>) -> Arc<dyn Inspect> {
        Arc::new(ClusterInspect(self.clone()))
    }

    /// Offers a service to the other nodes.
    pub fn serve_call(&self, name: &str, handler: ServiceHandler) {
        self.services.offer(name, handler);
    }

    /// Calls a service of a node, this one included.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn call(&self, node: NodeId, service: &str, body: Vec<u8>, within: Duration) -> Outcome {
        if node == self.spec.here {
            return self.services.answer(service, body).await;
        }
        let (call, receiver) = self.calls.open(node, 1)?;
        let envelope = Envelope::Call(ServiceCall { call, service: service.to_owned(), body });
        if let Err(error) = self.world.transport.send(node, envelope) {
            self.calls.forget(call);
            return Err(AskError::NotSent(format!("node {node}: {error}")));
        }
        match tokio::time::timeout(within, receiver).await {
            Ok(Ok(mut outcomes)) => {
                outcomes.pop().unwrap_or_else(|| Err(AskError::Unknown("no answer".into())))
            }
            Ok(Err(_)) | Err(_) => {
                self.calls.forget(call);
                Err(AskError::Unknown(format!("node {node} did not answer within {within:?}")))
            }
        }
    }

    /// Whether every shard has a known leader; else which have none, in words.
    ///
    /// # Errors
    /// What is missing.
    pub fn ready(&self) -> Result<(), String> {
        let missing = self.world.directory.leaderless();
        if missing.is_empty() { Ok(()) } else { Err(format!("{} shards have no leader yet", missing.len())) }
    }

    /// Shards, the control group included, whose leader is known here.
    #[must_use]
    pub fn led(&self) -> u32 {
        let missing = u32::try_from(self.world.directory.leaderless().len()).unwrap_or(u32::MAX);
        (self.spec.config.shards + 1).saturating_sub(missing)
    }

    /// Hands over leadership of every shard led here, and waits until it is done or time is up. The shards' actors keep
    /// running; stop them afterwards, then call [`Runtime::close`].
    pub async fn drain(&self, within: Duration) {
        let deadline = self.world.clock.mono() + u64::try_from(within.as_micros()).unwrap_or(u64::MAX / 2);
        let mut led = self.led_here();
        while !led.is_empty() && self.world.clock.mono() < deadline {
            for shard in &led {
                self.hand_over(*shard).await;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
            led = self.led_here();
        }
    }

    /// Finishes what the store's thread was given. Blocking.
    pub fn close(&self) {
        self.world.store_thread.close();
    }

    pub(super) fn directory(&self) -> &Directory {
        &self.world.directory
    }

    pub(super) fn transport(&self) -> &Arc<dyn Transport> {
        &self.world.transport
    }

    pub(super) fn journal(&self) -> &Arc<dyn Journal> {
        &self.world.journal
    }

    pub(super) fn starts(&self, shard: ShardId) -> u32 {
        self.starts.get(&shard).map_or(0, |starts| starts.load(Ordering::Relaxed))
    }

    pub(super) fn trouble(&self, shard: ShardId) -> Option<String> {
        self.damaged.get(&shard).cloned()
    }

    fn led_here(&self) -> Vec<ShardId> {
        let here = self.spec.here;
        let shards = (0..=self.spec.config.shards).map(ShardId);
        shards.filter(|shard| self.world.directory.leader(*shard) == Some(here)).collect()
    }

    async fn hand_over(&self, shard: ShardId) {
        let Some(mailbox) = self.world.directory.mailbox(shard) else { return };
        let (done, waiting) = oneshot::channel();
        mailbox.system(SystemInput::Look(Box::new(move |replica, _| {
            let _ = done.send(replica.hand_over());
        })));
        let _ = tokio::time::timeout(Duration::from_millis(250), waiting).await;
    }

    fn child(&self, mailbox: Arc<Mailbox>) -> ChildSpec {
        let shard = mailbox.shard();
        let (world, recovered) = (self.world.clone(), self.recovered.clone());
        let starts = self.starts.get(&shard).cloned().unwrap_or_default();
        let here = self.spec.here;
        let founders: Vec<ReplicaId> =
            self.spec.nodes.iter().map(|node| ReplicaId::new(node.id, 0)).collect();
        let damaged = self.damaged.get(&shard).cloned();
        let start = move |supervisor: Option<ractor::ActorCell>| {
            let (world, mailbox, starts) = (world.clone(), mailbox.clone(), starts.clone());
            let (recovered, founders, damaged) = (recovered.clone(), founders.clone(), damaged.clone());
            let log = world.log.clone();
            let find = move || {
                if let Some(why) = damaged {
                    return Err(format!("the log of shard {shard} is not whole: {why}"));
                }
                let first = recovered.lock().unwrap_or_else(PoisonError::into_inner).remove(&shard);
                let log = match first {
                    Some(first) => first,
                    None => log.reread(shard)?,
                };
                let id = log.replica.map_or_else(|| ReplicaId::new(here, 0), ReplicaId);
                Ok(Start { shard, id, founders, log, mark: SnapshotMark::default() })
            };
            let arguments = ShardArguments { world, mailbox, shard, start: Box::new(find), starts };
            async move {
                let (actor, _) = match supervisor {
                    Some(supervisor) => {
                        ShardActor::spawn_linked(None, ShardActor, arguments, supervisor).await?
                    }
                    None => ShardActor::spawn(None, ShardActor, arguments).await?,
                };
                Ok(actor.get_cell())
            }
            .boxed()
        };
        ChildSpec { name: format!("shard-{shard}"), restart: Restart::Permanent, start: Arc::new(start) }
    }
}
