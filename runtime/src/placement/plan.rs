//! Plans which nodes hold and lead each shard. Pure: from observations to the next few changes.

use std::collections::{BTreeMap, BTreeSet};

use super::config::PlacementConfig;
use crate::address::{NodeId, ShardId};
use crate::membership::{Cluster, Member, NodeState, Scheduling};
use crate::node_spec::NodeSpec;
use crate::time::micros;

/// Leadership transfers planned in one round; each costs little, but not nothing.
const LEADERS_A_LOOK: usize = 4;
/// Share of the mean load by which the load of two leaders may differ before a leadership moves.
const LEAD_SLACK: f64 = 0.25;

/// What the control group's leader has observed of the cluster.
#[derive(Debug, Clone, Default)]
pub struct Observation {
    /// Microseconds of silence of each node, and its last known incarnation; zero before the first.
    pub nodes: BTreeMap<NodeId, (u64, u64)>,
    /// Voters of each shard by its leader; missing if unknown.
    pub voters: BTreeMap<ShardId, BTreeSet<NodeId>>,
    /// Commands and queries per second of each shard.
    pub load: BTreeMap<ShardId, f64>,
}

/// One change to request from the cluster entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// A node changed its state.
    SetState(NodeId, NodeState, u64),
    /// The new target nodes of a shard, and the reason.
    Assign(ShardId, Vec<NodeId>, &'static str),
}

/// The placement of a new cluster: replicas are spread over nodes and zones; the control group is on the first nodes.
#[must_use]
pub fn initial_placement(nodes: &[NodeSpec], shards: u32, replicas: u16) -> Vec<Vec<NodeId>> {
    let mut order: Vec<&NodeSpec> = nodes.iter().collect();
    order.sort_by_key(|node| node.id);
    let count = order.len();
    let first = |shard: u32| -> Vec<NodeId> {
        let mut set: Vec<&NodeSpec> = Vec::new();
        let at = shard as usize % count.max(1);
        // Around the ring of nodes, nodes of other zones first.
        let ring = || order.iter().cycle().skip(at).take(count).copied();
        for node in ring() {
            if set.len() < usize::from(replicas) && !set.iter().any(|held| held.zone == node.zone) {
                set.push(node);
            }
        }
        for node in ring() {
            if set.len() < usize::from(replicas) && !set.iter().any(|held| held.id == node.id) {
                set.push(node);
            }
        }
        set.iter().map(|node| node.id).collect()
    };
    (0..=shards).map(first).collect()
}

/// The next changes. Replica moves are rate-limited: each costs a snapshot.
#[must_use]
pub fn plan(cluster: &Cluster, observed: &Observation, config: &PlacementConfig) -> Vec<Order> {
    let mut orders = states(cluster, observed, config);
    let mut sets = cluster.sets.clone();
    let moving = |shard: usize, set: &[NodeId]| {
        let voters = observed.voters.get(&shard_id(shard));
        voters.is_none_or(|voters| voters.len() != set.len() || !set.iter().all(|node| voters.contains(node)))
    };
    let place = Placer::new(cluster, observed, config);
    // A shard that is turned back is moving already and needs no new slot. Otherwise shards on their way to a lost
    // node would hold all slots for as long as the node stays away.
    while let Some((shard, set, why)) = place.off(&sets, &|shard, node| place.empty(shard, node)) {
        orders.push(Order::Assign(shard_id(shard), set.clone(), why));
        sets[shard] = set;
    }
    let on_the_move = sets.iter().enumerate().filter(|(shard, set)| moving(*shard, set)).count();
    let mut room = usize::from(config.moves_max).saturating_sub(on_the_move);
    while room > 0
        && let Some((shard, set, why)) = place.next_move(&sets, &moving)
    {
        orders.push(Order::Assign(shard_id(shard), set.clone(), why));
        sets[shard] = set;
        room -= 1;
    }
    for _ in 0..LEADERS_A_LOOK {
        let Some((shard, set)) = place.next_lead(&sets, observed) else { break };
        orders.retain(|order| !matches!(order, Order::Assign(placed, ..) if *placed == shard_id(shard)));
        orders.push(Order::Assign(shard_id(shard), set.clone(), "leads are balanced"));
        sets[shard] = set;
    }
    orders
}

/// State changes of nodes.
fn states(cluster: &Cluster, observed: &Observation, config: &PlacementConfig) -> Vec<Order> {
    let (suspect, down) = (micros(config.suspect_after), micros(config.down_after));
    let mut orders = Vec::new();
    for member in cluster.nodes.values() {
        let Some((silent, incarnation)) = observed.nodes.get(&member.record.id).copied() else { continue };
        let state = match silent {
            // A node that was never heard of is late, not suspect.
            silent if silent >= down => NodeState::Down,
            silent if silent >= suspect && member.state != NodeState::Joining => NodeState::Suspect,
            silent if silent >= suspect => NodeState::Joining,
            _ if incarnation > 0 => NodeState::Up,
            // A new leader of the control group has not heard the node yet; it keeps the recorded state.
            _ => member.state,
        };
        // A down node stays down until it is heard again; more silence does not make it suspect.
        let back = state == NodeState::Suspect && member.state == NodeState::Down;
        if !back && (state != member.state || incarnation > member.incarnation) {
            orders.push(Order::SetState(member.record.id, state, incarnation));
        }
    }
    orders
}

struct Placer<'a> {
    cluster: &'a Cluster,
    observed: &'a Observation,
    /// Nodes that may get replicas.
    open: Vec<&'a Member>,
    /// Nodes to be emptied, and the reason.
    leaving: BTreeMap<NodeId, &'static str>,
    replicas: usize,
}

impl<'a> Placer<'a> {
    fn new(cluster: &'a Cluster, observed: &'a Observation, config: &PlacementConfig) -> Self {
        let replace = micros(config.replace_after);
        let open = cluster.nodes.values();
        let open = open
            .filter(|member| member.state == NodeState::Up && member.scheduling == Scheduling::Full)
            .collect();
        let mut leaving = BTreeMap::new();
        for member in cluster.nodes.values() {
            let id = member.record.id;
            if member.scheduling == Scheduling::Draining {
                leaving.insert(id, "its node is drained");
            } else if observed.nodes.get(&id).is_some_and(|(silent, _)| *silent >= replace) {
                leaving.insert(id, "its node is down");
            }
        }
        Self { cluster, observed, open, leaving, replicas: usize::from(config.replicas) }
    }

    /// The next replica that must leave a node, of those that `may`. A shard on its way to a node that is leaving is
    /// turned back at once, whether its group has settled or not.
    fn off(
        &self,
        sets: &[Vec<NodeId>],
        may: &dyn Fn(usize, NodeId) -> bool,
    ) -> Option<(usize, Vec<NodeId>, &'static str)> {
        let loads = self.loads(sets);
        let unplaced = |shard: &usize| sets[*shard] == self.cluster.sets[*shard];
        (0..sets.len()).filter(unplaced).find_map(|shard| {
            let mut next = sets[shard].clone();
            let leaver = |node: &NodeId| may(shard, *node) && self.reason(shard, *node).is_some();
            let at = next.iter().position(leaver)?;
            let why = self.reason(shard, next[at])?;
            next[at] = self.candidate(shard, &sets[shard], Some(next[at]), &loads)?;
            Some((shard, next, why))
        })
    }

    /// Why a node is not to hold a shard that is placed on it.
    fn reason(&self, shard: usize, node: NodeId) -> Option<&'static str> {
        if let Some(why) = self.leaving.get(&node) {
            return Some(why);
        }
        // A node without data of the shard is not waited for as long as a node with data.
        let down = self.cluster.nodes.get(&node).is_some_and(|member| member.state == NodeState::Down);
        (down && self.empty(shard, node)).then_some("its node went down before it had data of the shard")
    }

    /// Whether a node is known to have no vote in a shard.
    fn empty(&self, shard: usize, node: NodeId) -> bool {
        self.observed.voters.get(&shard_id(shard)).is_some_and(|voters| !voters.contains(&node))
    }

    /// The next replica to move: first from leaving nodes, then to groups that lack one, then for balance.
    fn next_move(
        &self,
        sets: &[Vec<NodeId>],
        moving: &dyn Fn(usize, &[NodeId]) -> bool,
    ) -> Option<(usize, Vec<NodeId>, &'static str)> {
        let loads = self.loads(sets);
        // One step at a time for each shard: the next begins when the members match the target.
        let settled =
            |shard: &usize| sets[*shard] == self.cluster.sets[*shard] && !moving(*shard, &sets[*shard]);
        if let Some(off) = self.off(sets, &|_, _| true) {
            return Some(off);
        }
        for shard in (0..sets.len()).filter(settled) {
            if sets[shard].len() < self.replicas
                && let Some(to) = self.candidate(shard, &sets[shard], None, &loads)
            {
                let mut next = sets[shard].clone();
                next.push(to);
                return Some((shard, next, "the group lacks a replica"));
            }
        }
        let (least, low) =
            self.open.iter().map(|m| (m.record.id, loads[&m.record.id])).min_by_key(|(id, n)| (*n, *id))?;
        let mut full: Vec<(NodeId, usize)> = self
            .open
            .iter()
            .map(|m| (m.record.id, loads[&m.record.id]))
            .filter(|(_, n)| *n > low + 1)
            .collect();
        full.sort_by_key(|(id, n)| (std::cmp::Reverse(*n), *id));
        for (most, _) in full {
            // The control group has a replica on every node.
            let free = |shard: &usize| !self.cluster.pinned.contains(&shard_id(*shard));
            let fits = (1..sets.len()).filter(settled).filter(free).find(|shard| {
                let set = &sets[*shard];
                set.contains(&most)
                    && !set.contains(&least)
                    && self.zones_after(set, most, least) >= self.zones(set)
            });
            if let Some(shard) = fits {
                let swap = |node: &NodeId| if *node == most { least } else { *node };
                return Some((shard, sets[shard].iter().map(swap).collect(), "replicas are balanced"));
            }
        }
        None
    }

    /// The next leadership to move to another node of its shard, to balance the load of leaders.
    fn next_lead(&self, sets: &[Vec<NodeId>], observed: &Observation) -> Option<(usize, Vec<NodeId>)> {
        let open = |node: &NodeId| self.open.iter().any(|member| member.record.id == *node);
        // A suspect node may recover soon: other nodes lead its shards for now, and no leadership is balanced around
        // it.
        let full = |node: &NodeId| {
            let member = self.cluster.nodes.get(node);
            member.is_some_and(|m| m.scheduling == Scheduling::Full && m.state != NodeState::Down)
        };
        let weight = |shard: usize| 1.0 + observed.load.get(&shard_id(shard)).copied().unwrap_or(0.0) / 100.0;
        let mut leads: BTreeMap<NodeId, f64> =
            self.cluster.nodes.keys().filter(|node| full(node)).map(|node| (*node, 0.0)).collect();
        for (shard, set) in sets.iter().enumerate() {
            // The first node of the set that may lead is the leader.
            if let Some(lead) = set.iter().find(|node| full(node)).and_then(|node| leads.get_mut(node)) {
                *lead += weight(shard);
            }
        }
        #[allow(clippy::cast_precision_loss, reason = "a mean over a few nodes")]
        let slack = LEAD_SLACK * leads.values().sum::<f64>() / leads.len().max(1) as f64;
        let mut best: Option<(f64, usize, NodeId)> = None;
        for (shard, set) in sets.iter().enumerate() {
            let Some(leader) = set.iter().find(|node| full(node)) else { continue };
            if self.cluster.pinned.contains(&shard_id(shard)) {
                continue;
            }
            for other in set.iter().filter(|node| open(node) && *node != leader) {
                let gap = leads[leader] - leads[other];
                // The move must reduce the difference by more than the normal variation.
                let gain = gap - (gap - 2.0 * weight(shard)).abs();
                // The next round must not undo the move.
                if gap > slack.max(1.5 * weight(shard)) && best.is_none_or(|(most, ..)| gain > most) {
                    best = Some((gain, shard, *other));
                }
            }
        }
        let (_, shard, leader) = best?;
        let mut set = vec![leader];
        set.extend(sets[shard].iter().copied().filter(|node| *node != leader));
        Some((shard, set))
    }

    /// The open node that suits a set best: in another zone, then still voting in the shard and so without a
    /// snapshot, then least loaded.
    fn candidate(
        &self,
        shard: usize,
        set: &[NodeId],
        instead: Option<NodeId>,
        loads: &BTreeMap<NodeId, usize>,
    ) -> Option<NodeId> {
        let rest: Vec<NodeId> = set.iter().copied().filter(|node| Some(*node) != instead).collect();
        let zones: BTreeSet<&str> = rest.iter().filter_map(|node| self.zone(*node)).collect();
        let free = self
            .open
            .iter()
            .filter(|m| !set.contains(&m.record.id) && !self.leaving.contains_key(&m.record.id));
        let key = |m: &&&Member| {
            let id = m.record.id;
            (zones.contains(m.record.zone.as_str()), self.empty(shard, id), loads[&id], id)
        };
        free.min_by_key(key).map(|member| member.record.id)
    }

    /// Replicas placed on each node.
    fn loads(&self, sets: &[Vec<NodeId>]) -> BTreeMap<NodeId, usize> {
        let mut loads: BTreeMap<NodeId, usize> = self.cluster.nodes.keys().map(|node| (*node, 0)).collect();
        for node in sets.iter().skip(1).flatten() {
            *loads.entry(*node).or_default() += 1;
        }
        loads
    }

    fn zone(&self, node: NodeId) -> Option<&str> {
        self.cluster.nodes.get(&node).map(|member| member.record.zone.as_str())
    }

    fn zones(&self, set: &[NodeId]) -> usize {
        set.iter().filter_map(|node| self.zone(*node)).collect::<BTreeSet<_>>().len()
    }

    fn zones_after(&self, set: &[NodeId], gone: NodeId, come: NodeId) -> usize {
        let after: Vec<NodeId> = set.iter().map(|node| if *node == gone { come } else { *node }).collect();
        self.zones(&after)
    }
}

fn shard_id(shard: usize) -> ShardId {
    ShardId(u32::try_from(shard).unwrap_or(u32::MAX))
}
