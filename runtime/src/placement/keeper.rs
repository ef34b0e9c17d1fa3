//! The actor that keeps a node in line with the cluster's truth, and, where the control group is led, the truth in line
//! with the cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::handle::NodeHandle;
use super::plan::{Order, Sight, found, plan};
use crate::address::{Address, NodeId, ShardId};
use crate::error::AskError;
use crate::membership::Cluster;
use crate::membership::{Found, Join, Place, See};
use crate::observe::{NodeView, Role};
use crate::routing::AskOptions;

/// Time for one command to the cluster's entity.
const WITHIN: Duration = Duration::from_secs(2);
/// Time between two looks at every shard of the cluster.
const SURVEY_EVERY: u64 = 1_000_000;

/// The actor.
pub(crate) struct Keeper;

/// What it is started with.
pub(crate) struct KeeperArguments {
    pub(crate) node: NodeHandle,
}

/// Its state.
pub(crate) struct Keeping {
    node: NodeHandle,
    /// When each node was last heard of.
    heard: BTreeMap<NodeId, (u64, u64)>,
    surveyed: u64,
    /// Requests that each shard had handled at the last survey.
    handled: BTreeMap<ShardId, u64>,
    sight: Sight,
    led: bool,
    /// Whether it was said that this node is not of the cluster any more.
    parted: bool,
}

/// It is time to look.
#[derive(Debug)]
pub(crate) struct Look;

impl ractor::Message for Look {}

impl Actor for Keeper {
    type Msg = Look;
    type State = Keeping;
    type Arguments = KeeperArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Look>,
        arguments: KeeperArguments,
    ) -> Result<Keeping, ActorProcessingErr> {
        let _ = myself.cast(Look);
        Ok(Keeping {
            node: arguments.node,
            heard: BTreeMap::new(),
            surveyed: 0,
            handled: BTreeMap::new(),
            sight: Sight::default(),
            led: false,
            parted: false,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Look>,
        _: Look,
        state: &mut Keeping,
    ) -> Result<(), ActorProcessingErr> {
        state.look().await;
        // Only after the look: a slow one is not followed by those that it delayed.
        let _next = myself.send_after(state.node.config.look_every, || Look);
        Ok(())
    }
}

impl Keeping {
    async fn look(&mut self) {
        let cluster = self.node.globals.get::<Cluster>(Cluster::KEY);
        if let Some(cluster) = &cluster {
            let nodes: Vec<_> = cluster.nodes.values().map(|member| member.record.clone()).collect();
            self.node.control.set_nodes(nodes);
        }
        let here = self.node.here;
        if !self.parted && cluster.as_ref().is_some_and(|c| c.founded() && !c.nodes.contains_key(&here)) {
            self.parted = true;
            let why = "it was taken off the cluster, and no other node speaks to it: stop it";
            tracing::warn!(node = %here, why, "this node is removed");
            self.node.note(format!("node-{here}"), "removed", why.to_owned());
        }
        let leads = self.node.directory.leader(ShardId::CONTROL) == Some(here);
        let now = self.node.clock.mono();
        if leads && !self.led {
            // What it heard before, others did not wait for.
            self.heard.clear();
            self.sight = Sight::default();
            self.handled.clear();
        }
        self.led = leads;
        let due = now.saturating_sub(self.surveyed) >= SURVEY_EVERY;
        if due {
            self.surveyed = now;
        }
        match cluster.filter(|cluster| cluster.founded()) {
            None if leads => self.found().await,
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

    /// Writes down what the configuration founded.
    async fn found(&self) {
        let nodes = self.node.founders.clone();
        let sets = found(&nodes, self.node.shards, self.node.config.replicas);
        self.tell("founding", &Found { nodes, sets }).await;
    }

    /// Tells the cluster when this node has moved to other addresses.
    async fn introduce(&self, cluster: &Cluster) {
        let here = self.node.here;
        let Some(own) = self.node.founders.iter().find(|node| node.id == here) else { return };
        if cluster.nodes.get(&here).is_some_and(|member| member.record != *own) {
            self.tell("introduction", &Join { node: own.clone() }).await;
        }
    }

    /// Who has been heard of lately.
    fn listen(&mut self, cluster: &Cluster, now: u64) {
        for node in cluster.nodes.keys() {
            // A new leader gives everyone the time that silence takes.
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
        self.sight.nodes = self
            .heard
            .iter()
            .map(|(node, (at, incarnation))| (*node, (now.saturating_sub(*at), *incarnation)))
            .collect();
    }

    /// Who votes in each shard and how much it has to do, by its leader.
    async fn survey(&mut self, cluster: &Cluster) {
        let inspect = &self.node.inspect;
        let views = join_all(cluster.nodes.keys().map(|node| inspect.node(*node))).await;
        let views: Vec<NodeView> = views.into_iter().filter_map(Result::ok).collect();
        self.sight.voters.clear();
        let mut terms: BTreeMap<ShardId, u64> = BTreeMap::new();
        for shard in views.iter().flat_map(|view| &view.shards).filter(|shard| shard.role == Role::Leader) {
            // A deposed leader may not know it yet.
            if terms.get(&shard.shard).is_some_and(|term| *term > shard.term) {
                continue;
            }
            terms.insert(shard.shard, shard.term);
            let voters: BTreeSet<NodeId> = shard.voters.iter().copied().collect();
            self.sight.voters.insert(shard.shard, voters);
            let handled = shard.commands_total + shard.queries_total;
            let before = self.handled.insert(shard.shard, handled).unwrap_or(handled);
            #[allow(clippy::cast_precision_loss, reason = "a rate")]
            let rate = handled.saturating_sub(before) as f64;
            let load = self.sight.load.entry(shard.shard).or_insert(rate);
            // Of the last ten seconds or so: leadership does not follow every gust.
            *load += (rate - *load) / 10.0;
        }
    }

    async fn carry_out(&self, cluster: &Cluster) {
        if self.sight.voters.is_empty() {
            return;
        }
        for order in plan(cluster, &self.sight, &self.node.config) {
            match order {
                Order::See(node, state, incarnation) => {
                    self.node.note(
                        format!("node-{node}"),
                        "seen",
                        format!("{state:?}, incarnation {incarnation}"),
                    );
                    self.tell("sighting", &See { node, state, incarnation }).await;
                }
                Order::Place(shard, nodes, why) => {
                    let before = cluster.sets.get(shard.0 as usize).cloned().unwrap_or_default();
                    let names: Vec<String> = nodes.iter().map(ToString::to_string).collect();
                    self.node.note(
                        format!("shard-{shard}"),
                        "placing",
                        format!("on nodes {}: {why}", names.join(", ")),
                    );
                    // Who pinned it meant its leader: another follower changes nothing about that.
                    let pinned = cluster.pinned.contains(&shard) && before.first() == nodes.first();
                    self.tell("placement", &Place { shard, before, nodes, pinned }).await;
                }
            }
        }
    }

    /// Learns from the other nodes who leads the shards that are not here.
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
            // A node that holds it knows better than nobody.
            let holder = || cluster.wishes(shard)?.voters.into_iter().find(|node| peers.contains(node));
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
            // Two who decide at once: the next look sees what came of it.
            Ok(_) | Err(AskError::Refused(_)) => {}
            Err(error) => tracing::debug!(%error, what, "the cluster's entity could not be told"),
        }
    }
}
