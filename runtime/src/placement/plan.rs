//! Which nodes shall hold which shards, and who shall lead them: pure, from what is known to the next few changes.

use std::collections::{BTreeMap, BTreeSet};

use super::config::PlacementConfig;
use crate::address::{NodeId, ShardId};
use crate::membership::{Cluster, Duty, Member, NodeState};
use crate::node_spec::NodeSpec;

/// Changes of leadership alone in one look: each is cheap, and none is free.
const LEADERS_A_LOOK: usize = 4;
/// Share of the mean load by which two nodes' leads may differ before one is moved.
const LEAD_SLACK: f64 = 0.25;

/// What a look at the cluster found.
#[derive(Debug, Clone, Default)]
pub struct Sight {
    /// How long each node has been silent, in microseconds, and the incarnation heard last: zero before any was.
    pub nodes: BTreeMap<NodeId, (u64, u64)>,
    /// Nodes that vote in each shard, by its leader; none where it is not known.
    pub voters: BTreeMap<ShardId, BTreeSet<NodeId>>,
    /// Commands and queries a second of each shard.
    pub load: BTreeMap<ShardId, f64>,
}

/// One change to ask the cluster's entity for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// A node is in another state now.
    See(NodeId, NodeState, u64),
    /// A shard shall be held by these, and why.
    Place(ShardId, Vec<NodeId>, &'static str),
}

/// Where the shards of a new cluster begin: spread over nodes and zones, the control group on the first nodes.
#[must_use]
pub fn found(nodes: &[NodeSpec], shards: u32, replicas: u16) -> Vec<Vec<NodeId>> {
    let mut order: Vec<&NodeSpec> = nodes.iter().collect();
    order.sort_by_key(|node| node.id);
    let count = order.len();
    let first = |shard: u32| -> Vec<NodeId> {
        let mut set: Vec<&NodeSpec> = Vec::new();
        let at = shard as usize % count.max(1);
        // Around the ring of nodes, other zones first.
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

/// What to change next. Replica moves are throttled: each costs a snapshot.
#[must_use]
pub fn plan(cluster: &Cluster, sight: &Sight, config: &PlacementConfig) -> Vec<Order> {
    let mut orders = states(cluster, sight, config);
    let mut sets = cluster.sets.clone();
    let moving = |shard: usize, set: &[NodeId]| {
        let voters = sight.voters.get(&shard_id(shard));
        voters.is_none_or(|voters| voters.len() != set.len() || !set.iter().all(|node| voters.contains(node)))
    };
    let place = Placer::new(cluster, sight, config);
    // What is turned back is on the move already and so needs no room: else shards on their way to a node that is gone
    // would take all of it for as long as that node stays away.
    while let Some((shard, set, why)) = place.off(&sets, &|shard, node| place.empty(shard, node)) {
        orders.push(Order::Place(shard_id(shard), set.clone(), why));
        sets[shard] = set;
    }
    let on_the_move = sets.iter().enumerate().filter(|(shard, set)| moving(*shard, set)).count();
    let mut room = usize::from(config.moves_max).saturating_sub(on_the_move);
    while room > 0
        && let Some((shard, set, why)) = place.next_move(&sets, &moving)
    {
        orders.push(Order::Place(shard_id(shard), set.clone(), why));
        sets[shard] = set;
        room -= 1;
    }
    for _ in 0..LEADERS_A_LOOK {
        let Some((shard, set)) = place.next_lead(&sets, sight) else { break };
        orders.retain(|order| !matches!(order, Order::Place(placed, ..) if *placed == shard_id(shard)));
        orders.push(Order::Place(shard_id(shard), set.clone(), "leads are balanced"));
        sets[shard] = set;
    }
    orders
}

/// How each node is doing, where that has changed.
fn states(cluster: &Cluster, sight: &Sight, config: &PlacementConfig) -> Vec<Order> {
    let micros = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let (suspect, down) = (micros(config.suspect_after), micros(config.down_after));
    let mut orders = Vec::new();
    for member in cluster.nodes.values() {
        let Some((silent, incarnation)) = sight.nodes.get(&member.record.id).copied() else { continue };
        let state = match silent {
            // A node that was never heard of is not suspect, it is late.
            silent if silent >= down => NodeState::Down,
            silent if silent >= suspect && member.state != NodeState::Joining => NodeState::Suspect,
            silent if silent >= suspect => NodeState::Joining,
            _ if incarnation > 0 => NodeState::Up,
            // Who leads the control group since a moment ago waits for it, and believes what was seen before.
            _ => member.state,
        };
        // What is down stays so until it is heard again; growing silence does not make it suspect once more.
        let back = state == NodeState::Suspect && member.state == NodeState::Down;
        if !back && (state != member.state || incarnation > member.incarnation) {
            orders.push(Order::See(member.record.id, state, incarnation));
        }
    }
    orders
}

struct Placer<'a> {
    cluster: &'a Cluster,
    sight: &'a Sight,
    /// Nodes that may be given replicas.
    open: Vec<&'a Member>,
    /// Nodes whose replicas shall go elsewhere, and why.
    leaving: BTreeMap<NodeId, &'static str>,
    replicas: usize,
}

impl<'a> Placer<'a> {
    fn new(cluster: &'a Cluster, sight: &'a Sight, config: &PlacementConfig) -> Self {
        let replace = u64::try_from(config.replace_after.as_micros()).unwrap_or(u64::MAX);
        let open = cluster.nodes.values();
        let open = open.filter(|member| member.state == NodeState::Up && member.duty == Duty::Full).collect();
        let mut leaving = BTreeMap::new();
        for member in cluster.nodes.values() {
            let id = member.record.id;
            if member.duty == Duty::Draining {
                leaving.insert(id, "its node is drained");
            } else if sight.nodes.get(&id).is_some_and(|(silent, _)| *silent >= replace) {
                leaving.insert(id, "its node is down");
            }
        }
        Self { cluster, sight, open, leaving, replicas: usize::from(config.replicas) }
    }

    /// The next replica that must leave a node, of those that `may`: a shard on its way to a node that is to go is turned back
    /// at once, settled or not.
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

    /// Why a node shall not hold a shard that is placed on it.
    fn reason(&self, shard: usize, node: NodeId) -> Option<&'static str> {
        if let Some(why) = self.leaving.get(&node) {
            return Some(why);
        }
        // Whoever has nothing of it yet is not waited for as long as one that has.
        let down = self.cluster.nodes.get(&node).is_some_and(|member| member.state == NodeState::Down);
        (down && self.empty(shard, node)).then_some("its node went down before it held it")
    }

    /// Whether a node is known not to vote in a shard.
    fn empty(&self, shard: usize, node: NodeId) -> bool {
        self.sight.voters.get(&shard_id(shard)).is_some_and(|voters| !voters.contains(&node))
    }

    /// The next replica to move: first those that must leave a node, then those that a group lacks, then for balance.
    fn next_move(
        &self,
        sets: &[Vec<NodeId>],
        moving: &dyn Fn(usize, &[NodeId]) -> bool,
    ) -> Option<(usize, Vec<NodeId>, &'static str)> {
        let loads = self.loads(sets);
        // One step at a time for each shard: the next begins when the members are as wished.
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
            // The control group is on every node anyway.
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

    /// A shard whose leader should be another of its nodes, so that leading is spread by load.
    fn next_lead(&self, sets: &[Vec<NodeId>], sight: &Sight) -> Option<(usize, Vec<NodeId>)> {
        let open = |node: &NodeId| self.open.iter().any(|member| member.record.id == *node);
        // A node that is suspect may be back in a moment: others lead for it, and nothing is arranged around that.
        let full = |node: &NodeId| {
            let member = self.cluster.nodes.get(node);
            member.is_some_and(|m| m.duty == Duty::Full && m.state != NodeState::Down)
        };
        let weight = |shard: usize| 1.0 + sight.load.get(&shard_id(shard)).copied().unwrap_or(0.0) / 100.0;
        let mut leads: BTreeMap<NodeId, f64> =
            self.cluster.nodes.keys().filter(|node| full(node)).map(|node| (*node, 0.0)).collect();
        for (shard, set) in sets.iter().enumerate() {
            // Whoever comes first and may lead, leads.
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
                // Moving it must make the two more equal, by more than what comes and goes.
                let gain = gap - (gap - 2.0 * weight(shard)).abs();
                // And not be undone by the next look.
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

    /// The open node that suits a set best in the place of one of its nodes: another zone, then one that votes there still
    /// and so needs no snapshot, then the least loaded.
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

    /// Replicas that each node shall hold.
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
