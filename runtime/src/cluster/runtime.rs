//! The runtime of one node.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::future::FutureExt as _;
use tokio::sync::oneshot;

use super::bootstrap;
use super::inspect::{ClusterInspect, SERVICE};
use super::recovered_state::RecoveredState;
use super::replica_gc::RuntimeControl;
use super::spec::RuntimeSpec;
use crate::address::{NodeId, ShardId};
use crate::death_watch::{self, Census, DeathWatch, Host, Subject, Watch};
use crate::entity::{Globals, Registry};
use crate::error::AskError;
use crate::inspect::Inspect;
use crate::membership::{Cluster, TargetMembership};
use crate::node_spec::NodeSpec;
use crate::observe::Journal;
use crate::placement::{NodeHandle, Operator};
use crate::routing::{Peers, Router};
use crate::rpc::{ServiceClient, ServiceHandler, TellHandler};
use crate::shard::{Directory, ShardWorld, SystemInput};
use crate::time::Timestamp;
use crate::transport::{Outcome, SendError, Transport};

/// The service that a stopping node tells its peers.
const STOPPING: &str = "stopping";
/// Time between two rounds of a drain.
const DRAIN_ROUND: Duration = Duration::from_millis(25);

/// One node's runtime. Its shards run once their [child specs](Runtime::children) are started by a supervisor.
pub struct Runtime {
    pub(super) spec: RuntimeSpec,
    pub(super) started: Timestamp,
    pub(super) world: Arc<ShardWorld>,
    pub(super) client: ServiceClient,
    pub(super) router: Router,
    pub(super) recovered: RecoveredState,
    pub(super) peers: Arc<Peers>,
    pub(super) death_watch: Arc<DeathWatch>,
    pub(super) watch_host: Arc<Host>,
    /// Initial nodes of each shard, by the configuration.
    pub(super) founding: Vec<Vec<NodeId>>,
    pub(super) starts: HashMap<ShardId, Arc<AtomicU32>>,
}

impl Runtime {
    /// Every node, this one included: those of the configuration until the cluster entity names the current ones.
    #[must_use]
    pub fn nodes(&self) -> Arc<Vec<NodeSpec>> {
        self.peers.all()
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

    /// The spec that the runtime was opened with.
    #[must_use]
    pub const fn spec(&self) -> &RuntimeSpec {
        &self.spec
    }

    /// When it was opened.
    #[must_use]
    pub const fn started(&self) -> Timestamp {
        self.started
    }

    /// The read side of the console.
    #[must_use]
    pub fn inspect(self: &Arc<Self>) -> Arc<dyn Inspect> {
        Arc::new(ClusterInspect(self.clone()))
    }

    /// Death watch on a node, an actor or an entity on any node. The returned future is ready when the subject has
    /// ended, and carries the reason. Returns once the subject's node knows of the watch.
    ///
    /// # Errors
    /// `Busy` at [`death_watch::WATCHES_MAX`] watches; an unknown kind.
    pub async fn watch(self: &Arc<Self>, subject: Subject) -> Result<Watch, AskError> {
        self.death_watch.watch(&self.watch_host, subject).await
    }

    /// Number of watches that this node holds for all nodes.
    #[must_use]
    pub fn watches_held(&self) -> usize {
        self.death_watch.held()
    }

    /// Sets the census of running actors, for watches of actors that do not exist.
    pub fn set_census(&self, census: Arc<dyn Census>) {
        self.death_watch.set_census(census);
    }

    /// Offers a service to the other nodes.
    pub fn serve_call(&self, name: &str, handler: ServiceHandler) {
        self.client.services().offer(name, handler);
    }

    /// Handles messages from other nodes that need no answer.
    pub fn serve_tell(&self, name: &str, handler: TellHandler) {
        self.client.services().listen(name, handler);
    }

    /// Sends a message to a service of another node: at most once, in order with this node's other messages to it. A
    /// success means that the message was queued.
    ///
    /// # Errors
    /// See [`SendError`]. A full queue refuses the message; the sender decides what that means.
    pub fn tell(&self, node: NodeId, service: &str, body: Vec<u8>) -> Result<(), SendError> {
        self.client.tell(node, service, body)
    }

    /// Bytes that this node has written to the network between nodes.
    #[must_use]
    pub fn sent_bytes(&self) -> u64 {
        self.world.transport.sent_bytes()
    }

    /// Calls a service of a node, this one included.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn call(&self, node: NodeId, service: &str, body: Vec<u8>, within: Duration) -> Outcome {
        self.client.call(node, service, body, within).await
    }

    /// Whether every shard has a known leader.
    ///
    /// # Errors
    /// The number of shards without a known leader.
    pub fn ready(&self) -> Result<(), String> {
        let missing = self.world.directory.leaderless();
        if missing.is_empty() { Ok(()) } else { Err(format!("{} shards have no leader yet", missing.len())) }
    }

    /// Number of shards with a leader known here, the control group included.
    #[must_use]
    pub fn led(&self) -> u32 {
        let missing = u32::try_from(self.world.directory.leaderless().len()).unwrap_or(u32::MAX);
        (self.spec.config.shards + 1).saturating_sub(missing)
    }

    /// Whether this node leads the shard, as far as this node knows.
    #[must_use]
    pub fn leads(&self, shard: ShardId) -> bool {
        self.world.directory.leader(shard) == Some(self.spec.here)
    }

    /// The last entry that this node's replica of a shard has applied. While it stays the same, no entity of the
    /// shard has changed. `None` without a replica, or while the replica runs a turn.
    #[must_use]
    pub fn applied(&self, shard: ShardId) -> Option<u64> {
        self.world.directory.mailbox(shard)?.applied()
    }

    /// Transfers the leadership of every shard led here to nodes that do not stop, and waits until that is done or
    /// `within` has passed. Where all others stop as well, this node leads to its end. The shards' actors keep running: stop
    /// them afterwards, then call [`Runtime::close`].
    pub async fn drain(&self, within: Duration) {
        let deadline = self.world.clock.mono() + u64::try_from(within.as_micros()).unwrap_or(u64::MAX / 2);
        loop {
            self.say_that_it_stops();
            // Nodes that are stopped together hear of each other first: leadership would go to and fro between them.
            tokio::time::sleep(DRAIN_ROUND).await;
            let stopping = self.world.directory.stopping();
            let mut handing = false;
            for shard in self.led_here() {
                handing |= self.hand_over(shard, stopping.clone()).await;
            }
            if !handing || self.world.clock.mono() >= deadline {
                return;
            }
        }
    }

    fn say_that_it_stops(&self) {
        for node in self.peers.all().iter().filter(|node| node.id != self.spec.here) {
            // A peer without a session gets no leadership, and needs no word.
            let _ = self.client.tell(node.id, STOPPING, Vec::new());
        }
    }

    /// Finishes the queued jobs of the store thread. Blocking.
    pub fn close(&self) {
        self.world.store_thread.close();
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.world.directory
    }

    pub(crate) fn transport(&self) -> &Arc<dyn Transport> {
        &self.world.transport
    }

    /// The journal of this node's lifecycle records. Death watch reads each record on its way.
    #[must_use]
    pub fn journal(&self) -> &Arc<dyn Journal> {
        &self.world.journal
    }

    /// Acts on the cluster's nodes and placement.
    #[must_use]
    pub fn operator(self: &Arc<Self>) -> Operator {
        Operator::new(self.placement_handle())
    }

    pub(super) fn placement_handle(self: &Arc<Self>) -> NodeHandle {
        NodeHandle {
            here: self.spec.here,
            incarnation: self.spec.incarnation,
            founders: self.spec.nodes.clone(),
            shards: self.spec.config.shards,
            config: self.spec.config.placement.clone(),
            clock: self.world.clock,
            globals: self.globals(),
            router: self.router(),
            directory: self.world.directory.clone(),
            transport: self.world.transport.clone(),
            journal: self.world.journal.clone(),
            inspect: self.inspect(),
            control: Arc::new(RuntimeControl(self.clone())),
        }
    }

    pub(super) fn starts(&self, shard: ShardId) -> u32 {
        self.starts.get(&shard).map_or(0, |starts| starts.load(Ordering::Relaxed))
    }

    pub(super) fn count_of_starts(&self, shard: ShardId) -> Arc<AtomicU32> {
        self.starts.get(&shard).cloned().unwrap_or_default()
    }

    pub(super) const fn recovered(&self) -> &RecoveredState {
        &self.recovered
    }

    pub(crate) const fn world(&self) -> &Arc<ShardWorld> {
        &self.world
    }

    /// The initial voters of a shard, by the configuration.
    pub(super) fn founders(&self, shard: ShardId) -> &[NodeId] {
        self.founding.get(shard.0 as usize).map_or(&[], Vec::as_slice)
    }

    /// The target membership of a shard; `None` until the cluster is initialised.
    pub(crate) fn target(&self, shard: ShardId) -> Option<TargetMembership> {
        self.globals().get::<Cluster>(Cluster::KEY)?.target(shard)
    }

    /// Whether this node is to have a replica of the shard, as far as it knows.
    pub(super) fn holds(&self, shard: ShardId) -> bool {
        let here = self.spec.here;
        match self.target(shard) {
            Some(target) => target.holds(here),
            None => shard == ShardId::CONTROL || self.founders(shard).contains(&here),
        }
    }

    /// Replaces the list of the cluster's nodes.
    pub(crate) fn set_nodes(&self, nodes: Vec<NodeSpec>) {
        if let Some(nodes) = self.peers.replace(nodes) {
            let here = self.spec.here;
            let others: Vec<NodeSpec> = nodes.iter().filter(|node| node.id != here).cloned().collect();
            self.world.transport.set_peers(&others);
            self.death_watch.set_nodes(&nodes.iter().map(|node| node.id).collect());
        }
    }

    fn led_here(&self) -> Vec<ShardId> {
        let here = self.spec.here;
        let shards = (0..=self.spec.config.shards).map(ShardId);
        shards.filter(|shard| self.world.directory.leader(*shard) == Some(here)).collect()
    }

    /// Whether the shard is being handed over; true also if its actor is busy.
    async fn hand_over(&self, shard: ShardId, stopping: BTreeSet<NodeId>) -> bool {
        let Some(mailbox) = self.world.directory.mailbox(shard) else { return false };
        let (done, waiting) = oneshot::channel();
        mailbox.system(SystemInput::Inspect(Box::new(move |replica, _| {
            let _ = done.send(replica.hand_over(&stopping));
        })));
        match tokio::time::timeout(Duration::from_millis(250), waiting).await {
            Ok(answer) => answer.unwrap_or(false),
            Err(_) => true,
        }
    }

    pub(super) fn offer_own_services(self: &Arc<Self>) {
        let inspect = ClusterInspect(self.clone());
        let answer: ServiceHandler = Arc::new(move |body| {
            let inspect = inspect.clone();
            async move { inspect.serve(body).await }.boxed()
        });
        self.client.services().offer(SERVICE, answer);
        self.client.services().offer(bootstrap::SERVICE, bootstrap::handler(self.clone()));
        let directory = self.world.directory.clone();
        self.client.services().listen(STOPPING, Arc::new(move |from, _| directory.stops(from)));
        self.client.services().offer(death_watch::SERVICE, self.death_watch.handler(&self.watch_host));
    }
}
