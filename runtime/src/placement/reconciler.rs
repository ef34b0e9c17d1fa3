//! The reconciler: an actor that applies the cluster entity to its node. On the leader of the control group it also
//! updates the entity from what it observes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::handle::NodeHandle;
use super::plan::{Observation, Order, initial_placement, plan};
use crate::address::{Address, NodeId, ShardId};
use crate::error::AskError;
use crate::membership::{AssignShard, Cluster, InitCluster, Join, RecordNodeState};
use crate::observe::{NodeView, Role};
use crate::routing::AskOptions;

/// Timeout of one command to the cluster entity.
const WITHIN: Duration = Duration::from_secs(2);
/// Time between two surveys of all shards, in microseconds.
const SURVEY_EVERY: u64 = 1_000_000;

/// The actor.
pub(crate) struct Reconciler;

/// Arguments of the reconciler.
pub(crate) struct ReconcilerArguments {
    pub(crate) node: NodeHandle,
}

/// State of the reconciler.
pub(crate) struct ReconcilerState {
    node: NodeHandle,
    /// When each node was last heard of, and its incarnation.
    heard: BTreeMap<NodeId, (u64, u64)>,
    surveyed: u64,
    /// Requests handled by each shard at the last survey.
    handled: BTreeMap<ShardId, u64>,
    observed: Observation,
    led: bool,
    /// Whether the journal has a line about the removal of this node.
    parted: bool,
}

/// Starts a round.
#[derive(Debug)]
pub(crate) struct Look;

impl ractor::Message for Look {}

impl Actor for Reconciler {
    type Msg = Look;
    type State = ReconcilerState;
    type Arguments = ReconcilerArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Look>,
        arguments: ReconcilerArguments,
    ) -> Result<ReconcilerState, ActorProcessingErr> {
        let _ = myself.cast(Look);
        Ok(ReconcilerState {
            node: arguments.node,
            heard: BTreeMap::new(),
            surveyed: 0,
            handled: BTreeMap::new(),
            observed: Observation::default(),
            led: false,
            parted: false,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Look>,
        _: Look,
        state: &mut ReconcilerState,
    ) -> Result<(), ActorProcessingErr> {
        state.look().await;
        // The timer starts after the round, so that a slow round does not queue further ones.
        let _next = myself.send_after(state.node.config.look_every, || Look);
        Ok(())
    }
}

impl ReconcilerState {
    async fn look(&mut self) {
        let cluster = self.node.globals.get::<Cluster>(Cluster::KEY);
        if let Some(cluster) = &cluster {
            let nodes: Vec<_> = cluster.nodes.values().map(|member| member.record.clone()).collect();
            self.node.control.set_nodes(nodes);
        }
        let here = self.node.here;
        if !self.parted && cluster.as_ref().is_some_and(|c| c.founded() && !c.nodes.contains_key(&here)) {
            self.parted = true;
            let why = "it was removed from the cluster, and no other node talks to it: stop it";
            tracing::warn!(node = %here, why, "this node is removed");
            self.node.note(format!("node-{here}"), "removed", why.to_owned());
        }
        let leads = self.node.directory.leader(ShardId::CONTROL) == Some(here);
        let now = self.node.clock.mono();
        if leads && !self.led {
            // Earlier observations of a follower are not comparable with a leader's.
            self.heard.clear();
            self.observed = Observation::default();
            self.handled.clear();
        }
        self.led = leads;
        let due = now.saturating_sub(self.surveyed) >= SURVEY_EVERY;
        if due {
            self.surveyed = now;
        }
        match cluster.filter(|cluster| cluster.founded()) {
            None if leads => self.init_cluster().await,
            None => {}
            Some(cluster) => {
                if due {
                    self.learn_leaders(&cluster).await;
                    self.node.control.collect_replicas(cluster.clone()).await;
                    self.introduce(&cluster).await;
                }
                if leads {
                    self.listen(&cluster, now);
                    if due {
                        self.survey(&cluster).await;
                    }
                    self.carry_out(&cluster).await;
                }
            }
        }
    }

    /// Records the initial configuration in the cluster entity.
    async fn init_cluster(&self) {
        let nodes = self.node.founders.clone();
        let sets = initial_placement(&nodes, self.node.shards, self.node.config.replicas);
        self.tell("founding", &InitCluster { nodes, sets }).await;
    }

    /// Reports new addresses of this node to the cluster entity.
    async fn introduce(&self, cluster: &Cluster) {
        let here = self.node.here;
        let Some(own) = self.node.founders.iter().find(|node| node.id == here) else { return };
        if cluster.nodes.get(&here).is_some_and(|member| member.record != *own) {
            self.tell("introduction", &Join { node: own.clone() }).await;
        }
    }

    /// Records which nodes were heard of, and when.
    fn listen(&mut self, cluster: &Cluster, now: u64) {
        for node in cluster.nodes.keys() {
            // A new leader counts silence from its own start.
            self.heard.entry(*node).or_insert((now, 0));
        }
        self.heard.retain(|node, _| cluster.nodes.contains_key(node));
        self.heard.insert(self.node.here, (now, self.node.incarnation));
        for peer in self.node.transport.peers() {
            let Some(heard) = self.heard.get_mut(&peer.node) else { continue };
            if peer.connected {
                let silent = peer.silent_ms.unwrap_or(0) * 1_000;
                *heard =
                    (heard.0.max(now.saturating_sub(silent)), peer.incarnation.unwrap_or(0).max(heard.1));
            }
        }
        self.observed.nodes = self
            .heard
            .iter()
            .map(|(node, (at, incarnation))| (*node, (now.saturating_sub(*at), *incarnation)))
            .collect();
    }

    /// Surveys the voters and the load of each shard at its leader.
    async fn survey(&mut self, cluster: &Cluster) {
        let inspect = &self.node.inspect;
        let views = join_all(cluster.nodes.keys().map(|node| inspect.node(*node))).await;
        let views: Vec<NodeView> = views.into_iter().filter_map(Result::ok).collect();
        self.observed.voters.clear();
        let mut terms: BTreeMap<ShardId, u64> = BTreeMap::new();
        for shard in views.iter().flat_map(|view| &view.shards).filter(|shard| shard.role == Role::Leader) {
            // A deposed leader may still report itself.
            if terms.get(&shard.shard).is_some_and(|term| *term > shard.term) {
                continue;
            }
            terms.insert(shard.shard, shard.term);
            let voters: BTreeSet<NodeId> = shard.voters.iter().copied().collect();
            self.observed.voters.insert(shard.shard, voters);
            let handled = shard.commands_total + shard.queries_total;
            let before = self.handled.insert(shard.shard, handled).unwrap_or(handled);
            #[allow(clippy::cast_precision_loss, reason = "a rate")]
            let rate = handled.saturating_sub(before) as f64;
            let load = self.observed.load.entry(shard.shard).or_insert(rate);
            // Moving average over about ten seconds: leadership does not follow every burst.
            *load += (rate - *load) / 10.0;
        }
    }

    async fn carry_out(&self, cluster: &Cluster) {
        if self.observed.voters.is_empty() {
            return;
        }
        for order in plan(cluster, &self.observed, &self.node.config) {
            match order {
                Order::SetState(node, state, incarnation) => {
                    self.node.note(
                        format!("node-{node}"),
                        "seen",
                        format!("{state:?}, incarnation {incarnation}"),
                    );
                    self.tell("sighting", &RecordNodeState { node, state, incarnation }).await;
                }
                Order::Assign(shard, nodes, why) => {
                    let before = cluster.sets.get(shard.0 as usize).cloned().unwrap_or_default();
                    let names: Vec<String> = nodes.iter().map(ToString::to_string).collect();
                    self.node.note(
                        format!("shard-{shard}"),
                        "placing",
                        format!("on nodes {}: {why}", names.join(", ")),
                    );
                    // An operator pins the leader of a shard; a change of followers keeps the pin.
                    let pinned = cluster.pinned.contains(&shard) && before.first() == nodes.first();
                    self.tell("placement", &AssignShard { shard, before, nodes, pinned }).await;
                }
            }
        }
    }

    /// Learns the leaders of shards without a replica here from other nodes.
    async fn learn_leaders(&self, cluster: &Cluster) {
        let directory = &self.node.directory;
        let absent =
            |shard: &ShardId| directory.mailbox(*shard).is_none_or(|mailbox| !mailbox.is_connected());
        let shards: Vec<ShardId> = directory.shards().filter(absent).collect();
        if shards.is_empty() {
            return;
        }
        let peers: Vec<NodeId> = self
            .node
            .transport
            .peers()
            .into_iter()
            .filter(|peer| peer.connected)
            .map(|peer| peer.node)
            .collect();
        let led = join_all(peers.iter().map(|peer| self.node.control.led_by(*peer))).await;
        let mut known: BTreeMap<ShardId, NodeId> = BTreeMap::new();
        for (peer, led) in peers.iter().zip(led) {
            known.extend(led.into_iter().map(|shard| (shard, *peer)));
        }
        for shard in shards {
            // A node with a replica of the shard is the best guess.
            let holder = || cluster.target(shard)?.voters.into_iter().find(|node| peers.contains(node));
            directory.set_leader(shard, known.get(&shard).copied().or_else(holder));
        }
    }

    async fn tell<C>(&self, what: &str, command: &C)
    where
        C: crate::entity::Command,
        Cluster: crate::entity::Decide<C>,
    {
        let to = Address::of::<Cluster>(Cluster::KEY);
        match self.node.router.ask(&to, command, AskOptions::within(WITHIN)).await {
            // A concurrent decision was refused; the next round sees the result.
            Ok(_) | Err(AskError::Refused(_)) => {}
            Err(error) => tracing::debug!(%error, what, "a command to the cluster entity failed"),
        }
    }
}
