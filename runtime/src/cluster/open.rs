//! Opens a node's runtime: builds its parts and connects them.

use std::sync::Arc;

use super::postbox::Postbox;
use super::recovered_state::RecoveredState;
use super::runtime::Runtime;
use super::spec::{Disk, RuntimeSpec};
use crate::address::{NodeId, ShardId};
use crate::death_watch::{DeathWatch, Host};
use crate::entity::{Globals, Registry};
use crate::membership::with_cluster;
use crate::observe::Journal;
use crate::routing::{ClusterDispatch, Peers, Router};
use crate::rpc::{Calls, ServiceClient, Services};
use crate::shard::{Directory, Mailbox, ShardWorld, StoreThread, tick_all};
use crate::time::{Clock, Timestamp};
use crate::transport::{ReceiverSlot, Transport};

/// Why a runtime could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// This node is not among the configured ones.
    #[error("node {0} is not in the configuration")]
    NotConfigured(NodeId),
    /// The store's thread could not be started.
    #[error("the store's thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
    /// The disk's identity could not be read or written.
    #[error("the disk's identity: {0}")]
    Identity(String),
    /// The transport already had a receiver.
    #[error("the transport already has a receiver")]
    ReceiverTaken,
}

impl Runtime {
    /// Builds a node. Must be called within a tokio runtime.
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
        let death_watch = Arc::new(DeathWatch::new(journal));
        let registry = Arc::new(with_cluster(Registry::clone(&registry)));
        let peers = Arc::new(Peers::new(spec.nodes.clone()));
        let founding = spec.founding();
        let mailboxes: Vec<Arc<Mailbox>> =
            (0..=config.shards).map(|shard| Mailbox::new(ShardId(shard), &config.shard)).collect();
        let directory = Arc::new(Directory::new(config.shards, &mailboxes));
        let calls = Arc::new(Calls::default());
        let services = Arc::new(Services::default());
        let router = router(&spec, clock, &registry, &peers, &directory, &calls, &transport);
        let snapshot_max = config.raft.snapshot_bytes_max;
        let client = ServiceClient::new(spec.here, calls.clone(), services.clone(), transport.clone());
        let watch_host = watch_host(&spec, clock, &router, &directory, &client);
        let postbox = Postbox::new(
            spec.here,
            clock,
            directory.clone(),
            calls,
            services,
            transport.clone(),
            death_watch.clone(),
            config.raft.clone(),
            registry.clone(),
        );
        let world = Arc::new(ShardWorld {
            here: spec.here,
            shards: config.shards,
            clock,
            log: disk.log,
            store_thread: Arc::new(StoreThread::start(disk.store.clone(), snapshot_max)?),
            store: disk.store,
            transport,
            directory,
            journal: death_watch.clone(),
            registry,
            globals: Arc::new(Globals::default()),
            raft: config.raft,
            shard: config.shard,
        });
        let founded = founded(&founding, spec.here);
        let recovered =
            RecoveredState::open(disk.recovered, disk.damaged, disk.facts, &mailboxes, &founded, spec.joins)
                .map_err(OpenError::Identity)?;
        let runtime = Arc::new(Self {
            starts: mailboxes.iter().map(|mailbox| (mailbox.shard(), Arc::default())).collect(),
            spec,
            started: Timestamp::wall(),
            world,
            client,
            router,
            recovered,
            peers,
            death_watch,
            watch_host,
            founding,
        });
        runtime.offer_own_services();
        slot.set(Arc::new(postbox)).map_err(|_| OpenError::ReceiverTaken)?;
        tick_all(&runtime.world);
        Ok(runtime)
    }
}

/// Shards of the initial configuration on this node.
fn founded(founding: &[Vec<NodeId>], here: NodeId) -> Vec<ShardId> {
    (0..)
        .map(ShardId)
        .zip(founding)
        .filter(|(_, nodes)| nodes.contains(&here))
        .map(|(shard, _)| shard)
        .collect()
}

/// The router of a node.
fn router(
    spec: &RuntimeSpec,
    clock: Clock,
    registry: &Arc<Registry>,
    peers: &Arc<Peers>,
    directory: &Arc<Directory>,
    calls: &Arc<Calls>,
    transport: &Arc<dyn Transport>,
) -> Router {
    let dispatch = ClusterDispatch {
        here: spec.here,
        peers: peers.clone(),
        shards: spec.config.shards,
        clock,
        registry: registry.clone(),
        directory: directory.clone(),
        calls: calls.clone(),
        transport: transport.clone(),
    };
    Router::new(Arc::new(dispatch), registry.clone(), spec.config.shards)
}

/// The node as death watch sees it.
fn watch_host(
    spec: &RuntimeSpec,
    clock: Clock,
    router: &Router,
    directory: &Arc<Directory>,
    client: &ServiceClient,
) -> Arc<Host> {
    Arc::new(Host {
        here: spec.here,
        incarnation: spec.incarnation,
        clock,
        router: router.clone(),
        directory: directory.clone(),
        client: client.clone(),
    })
}
