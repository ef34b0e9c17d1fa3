//! A cluster of in-process nodes that can be killed, cut off and started again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use troupe_runtime::cluster::{MemoryDisk, Runtime, RuntimeConfig, RuntimeSpec};
use troupe_runtime::node_spec::NodeSpec;
use troupe_runtime::observe::{NodeView, Role};
use troupe_runtime::placement::PlacementConfig;
use troupe_runtime::replication::RaftConfig;
use troupe_runtime::shard::ShardConfig;
use troupe_runtime::supervised::Actor;
use troupe_runtime::transport::{MemoryNetwork, ReceiverSlot};
use troupe_runtime::{NodeId, Registry, Router};
use troupe_supervision::RingJournal;

use super::toy;

/// How long a test waits for anything before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// One running node.
pub(crate) struct Node {
    pub(crate) runtime: Arc<Runtime>,
    actors: Vec<Actor>,
}

/// The cluster.
pub(crate) struct World {
    pub(crate) network: MemoryNetwork,
    pub(crate) config: RuntimeConfig,
    nodes: BTreeMap<u16, Node>,
    disks: BTreeMap<u16, MemoryDisk>,
    incarnation: u64,
    founders: u16,
    registry: Arc<Registry>,
}

/// Fast timing, so that a failover takes a fraction of a second.
pub(crate) fn config() -> RuntimeConfig {
    RuntimeConfig {
        shards: 4,
        raft: RaftConfig { tick: Duration::from_millis(10), log_kept_entries: 8, ..RaftConfig::default() },
        shard: ShardConfig {
            checkpoint_every: Duration::from_millis(200),
            rebalance_after: Duration::from_secs(3_600),
            ..ShardConfig::default()
        },
        placement: PlacementConfig {
            suspect_after: Duration::from_millis(300),
            down_after: Duration::from_millis(600),
            replace_after: Duration::from_secs(1_200),
            look_every: Duration::from_millis(20),
            ..PlacementConfig::default()
        },
    }
}

pub(crate) fn spec_of(id: u16) -> NodeSpec {
    let address = |port: u16| ([127, 0, 0, 1], port).into();
    NodeSpec {
        id: NodeId(id),
        name: format!("n{id}"),
        mesh: address(id),
        gateway: address(100 + id),
        admin: address(200 + id),
        zone: "a".into(),
    }
}

impl World {
    /// Three nodes, with every shard led.
    pub(crate) async fn start() -> Self {
        Self::start_with(config()).await
    }

    pub(crate) async fn start_with(config: RuntimeConfig) -> Self {
        Self::founded_by(3, config).await
    }

    /// So many nodes found the cluster.
    pub(crate) async fn founded_by(founders: u16, config: RuntimeConfig) -> Self {
        Self::of(toy::registry(), founders, config).await
    }

    /// Nodes that run these kinds.
    pub(crate) async fn of(registry: Registry, founders: u16, config: RuntimeConfig) -> Self {
        let mut world = Self {
            registry: Arc::new(registry),
            network: MemoryNetwork::default(),
            config,
            nodes: BTreeMap::new(),
            disks: BTreeMap::new(),
            incarnation: 0,
            founders,
        };
        for node in 1..=founders {
            world.boot(node).await;
        }
        world.until_led().await;
        world
    }

    /// Starts a node on its disk.
    pub(crate) async fn boot(&mut self, node: u16) {
        self.incarnation += 1;
        let slot = ReceiverSlot::default();
        let transport = self.network.join(NodeId(node), self.incarnation, slot.clone());
        let spec = RuntimeSpec {
            cluster: "test".into(),
            here: NodeId(node),
            incarnation: self.incarnation,
            nodes: (1..=self.founders).chain((node > self.founders).then_some(node)).map(spec_of).collect(),
            joins: node > self.founders,
            config: self.config.clone(),
        };
        let journal = Arc::new(RingJournal::default());
        let disk = self.disks.entry(node).or_default().open();
        let runtime = Runtime::open(spec, self.registry.clone(), journal, transport, &slot, disk).unwrap();
        let mut actors = Vec::new();
        for child in runtime.children() {
            actors.push((child.start)(None).await.unwrap());
        }
        self.nodes.insert(node, Node { runtime, actors });
    }

    /// As SIGKILL: actors end where they are, peers lose the session; the disk stays.
    pub(crate) fn kill(&mut self, node: u16) {
        self.network.kill(NodeId(node));
        if let Some(gone) = self.nodes.remove(&node) {
            for actor in gone.actors {
                actor.kill();
            }
        }
    }

    /// A node's disk; what is done to it while the node runs, the node may not see.
    pub(crate) fn disk(&self, node: u16) -> &MemoryDisk {
        &self.disks[&node]
    }

    /// Replaces a node's disk by an empty one.
    pub(crate) fn wipe(&mut self, node: u16) {
        self.disks.insert(node, MemoryDisk::default());
    }

    /// Boots a node without waiting for anything, for one that may not found alone.
    pub(crate) async fn with_nodes(nodes: &[u16]) -> Self {
        let mut world = Self {
            network: MemoryNetwork::default(),
            config: config(),
            nodes: BTreeMap::new(),
            disks: BTreeMap::new(),
            incarnation: 0,
            founders: 3,
            registry: Arc::new(toy::registry()),
        };
        for node in nodes {
            world.boot(*node).await;
        }
        world
    }

    pub(crate) fn node(&self, node: u16) -> &Arc<Runtime> {
        &self.nodes[&node].runtime
    }

    /// A router on some running node.
    pub(crate) fn router(&self) -> Router {
        self.nodes.values().next().expect("a node runs").runtime.router()
    }

    /// Waits until each running node knows a leader for every shard, and those leaders run.
    pub(crate) async fn until_led(&self) {
        self.until("every shard has a leader", async || {
            let mut led = std::collections::BTreeSet::new();
            for view in self.views().await {
                led.extend(view.shards.iter().filter(|s| s.role == Role::Leader).map(|s| s.shard));
            }
            led.len() == self.config.shards as usize + 1
                && self.nodes.values().all(|node| node.runtime.ready().is_ok())
        })
        .await;
    }

    /// Own views of the running nodes.
    pub(crate) async fn views(&self) -> Vec<NodeView> {
        let mut views = Vec::new();
        for (id, node) in &self.nodes {
            if let Ok(view) = node.runtime.inspect().node(NodeId(*id)).await {
                views.push(view);
            }
        }
        views
    }

    /// The running node that leads most shards.
    pub(crate) async fn busiest(&self) -> u16 {
        let views = self.views().await;
        let leads = |view: &NodeView| view.shards.iter().filter(|shard| shard.role == Role::Leader).count();
        views.iter().max_by_key(|view| leads(view)).expect("a node runs").node.0
    }

    /// Waits for a condition, and fails with its name when it does not come.
    pub(crate) async fn until(&self, what: &str, condition: impl AsyncFn() -> bool) {
        let start = Instant::now();
        while !condition().await {
            assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain: {what}");
            tokio::task::yield_now().await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for node in self.nodes.keys().copied().collect::<Vec<_>>() {
            self.kill(node);
        }
    }
}
