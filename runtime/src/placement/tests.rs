//! Properties of plans.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::PlacementConfig;
use super::plan::{Observation, Order, initial_placement, plan};
use crate::address::{NodeId, ShardId};
use crate::entity::{Context, Decide, Entity, Globals};
use crate::membership::{
    AssignShard, Cluster, ClusterEvent, Join, NodeState, Remove, Scheduling, SetScheduling,
};
use crate::node_spec::NodeSpec;
use crate::time::Timestamp;

const SHARDS: u32 = 24;

fn node(id: u16, zone: &str) -> NodeSpec {
    let at = |base: u16| ([127, 0, 0, 1], base + id).into();
    let zone = zone.to_owned();
    NodeSpec {
        id: NodeId(id),
        name: format!("n{id}"),
        mesh: at(7_100),
        gateway: at(8_100),
        admin: at(9_100),
        zone,
    }
}

fn founded(zones: &[&str]) -> Cluster {
    let nodes: Vec<NodeSpec> = (1..).zip(zones).map(|(id, zone)| node(id, zone)).collect();
    let mut cluster = Cluster::create(Cluster::KEY);
    let sets = initial_placement(&nodes, SHARDS, 3);
    cluster.apply(&ClusterEvent::Founded { nodes, sets });
    for id in cluster.nodes.keys().copied().collect::<Vec<_>>() {
        cluster.apply(&ClusterEvent::Seen { node: id, state: NodeState::Up, incarnation: 1 });
    }
    cluster
}

/// Every node is heard, and every group has reached its target.
fn content(cluster: &Cluster) -> Observation {
    let voters = |(shard, set): (usize, &Vec<NodeId>)| (shard_id(shard), set.iter().copied().collect());
    Observation {
        nodes: cluster.nodes.keys().map(|node| (*node, (0, 1))).collect(),
        voters: cluster.sets.iter().enumerate().map(voters).collect(),
        load: BTreeMap::new(),
    }
}

fn shard_id(shard: usize) -> ShardId {
    ShardId(u32::try_from(shard).unwrap())
}

fn apply(cluster: &mut Cluster, order: &Order) {
    let event = match order.clone() {
        Order::SetState(node, state, incarnation) => ClusterEvent::Seen { node, state, incarnation },
        Order::Assign(shard, nodes, _) => ClusterEvent::Placed { shard, nodes, pinned: false },
    };
    cluster.apply(&event);
}

/// Orders that are not pure leadership transfers.
fn held(mut orders: Vec<Order>) -> Vec<Order> {
    orders.retain(|order| !matches!(order, Order::Assign(_, _, "leads are balanced")));
    orders
}

/// Plans until no order is left, with groups that reach every target at once; returns the number of moved replicas.
fn settle(cluster: &mut Cluster) -> usize {
    let mut moved = 0;
    for _ in 0..500 {
        let orders = plan(cluster, &content(cluster), &PlacementConfig::default());
        if orders.is_empty() {
            return moved;
        }
        for order in &orders {
            if let Order::Assign(shard, nodes, _) = order {
                let before: BTreeSet<_> = cluster.sets[shard.0 as usize].iter().collect();
                moved += nodes.iter().filter(|node| !before.contains(node)).count();
            }
            apply(cluster, order);
        }
    }
    panic!("the plan never ends: {:?}", cluster.sets);
}

fn spread(cluster: &Cluster) -> (usize, usize) {
    let nodes = cluster.nodes.values().filter(|member| member.scheduling == Scheduling::Full);
    let held: Vec<usize> = nodes.map(|member| cluster.held(member.record.id).count()).collect();
    (*held.iter().min().unwrap(), *held.iter().max().unwrap())
}

#[test]
fn a_new_cluster_is_spread_over_nodes_and_zones_and_needs_no_change() {
    for (zones, distinct) in
        [(&["", "", ""][..], 1), (&["a", "b", "c", "a", "b", "c"], 3), (&["a", "a", "b", "b"], 2)]
    {
        let mut cluster = founded(zones);
        for set in &cluster.sets {
            let zones: BTreeSet<_> = set.iter().map(|node| cluster.nodes[node].record.zone.clone()).collect();
            assert_eq!((set.len(), zones.len()), (3, distinct), "{set:?}");
        }
        let moved = settle(&mut cluster);
        let (least, most) = spread(&cluster);
        assert!(most - least <= 1, "{zones:?}: {least} to {most}, {moved} moved");
    }
    assert_eq!(founded(&[""]).sets, vec![vec![NodeId(1)]; 25]);
}

#[test]
fn a_node_that_comes_takes_its_share_and_no_more_is_moved_than_that() {
    let mut cluster = founded(&["", "", ""]);
    cluster.apply(&ClusterEvent::Joined(node(4, "")));
    let moved = settle(&mut cluster);
    assert_eq!(spread(&cluster), (18, 18));
    assert_eq!(moved, 18, "each move brings the newcomer one replica");
    let leads = |node: u16| {
        (0..=SHARDS)
            .filter(|shard| cluster.target(ShardId(*shard)).unwrap().leader == Some(NodeId(node)))
            .count()
    };
    assert!(
        (1..=4).all(|node| (5..=8).contains(&leads(node))),
        "{:?}",
        (1..=4).map(leads).collect::<Vec<_>>()
    );
}

#[test]
fn a_drained_node_ends_with_nothing_and_a_cordoned_one_gets_nothing_new() {
    let mut cluster = founded(&["", "", "", ""]);
    settle(&mut cluster);
    cluster.apply(&ClusterEvent::Tasked { node: NodeId(2), scheduling: Scheduling::Draining });
    settle(&mut cluster);
    assert!(cluster.sets.iter().all(|set| !set.contains(&NodeId(2)) && set.len() == 3));
    cluster.apply(&ClusterEvent::Tasked { node: NodeId(2), scheduling: Scheduling::Cordoned });
    assert_eq!(settle(&mut cluster), 0);
    cluster.apply(&ClusterEvent::Tasked { node: NodeId(2), scheduling: Scheduling::Full });
    assert_eq!(settle(&mut cluster), 18);
    // Without a free node the replicas stay, and only leadership moves.
    let mut three = founded(&["", "", ""]);
    three.apply(&ClusterEvent::Tasked { node: NodeId(1), scheduling: Scheduling::Draining });
    settle(&mut three);
    assert!(three.sets.iter().all(|set| set.contains(&NodeId(1))));
    assert!((0..=SHARDS).all(|shard| three.target(ShardId(shard)).unwrap().leader != Some(NodeId(1))));
}

#[test]
fn replicas_move_a_few_at_a_time_and_wait_for_those_on_their_way() {
    let mut cluster = founded(&["", "", ""]);
    cluster.apply(&ClusterEvent::Joined(node(4, "")));
    cluster.apply(&ClusterEvent::Seen { node: NodeId(4), state: NodeState::Up, incarnation: 1 });
    let config = PlacementConfig::default();
    let observed = content(&cluster);
    let orders = plan(&cluster, &observed, &config);
    let moves: Vec<ShardId> = orders
        .iter()
        .filter_map(|order| match order {
            Order::Assign(shard, nodes, _) if nodes.contains(&NodeId(4)) => Some(*shard),
            _ => None,
        })
        .collect();
    assert_eq!(moves.len(), usize::from(config.moves_max), "{orders:?}");
    for order in &orders {
        apply(&mut cluster, order);
    }
    let mut on_the_way = content(&cluster);
    for shard in &moves {
        on_the_way.voters.insert(*shard, [1, 2, 3].map(NodeId).into());
    }
    let next = plan(&cluster, &on_the_way, &config);
    let places_more =
        next.iter().any(|order| matches!(order, Order::Assign(_, nodes, _) if nodes.contains(&NodeId(4))));
    assert!(!places_more, "{next:?}");
}

#[test]
fn silence_makes_a_node_suspect_then_down_and_in_time_it_is_replaced() {
    let mut cluster = founded(&["", "", "", ""]);
    settle(&mut cluster);
    let config = PlacementConfig::default();
    let silent = |cluster: &Cluster, seconds: u64| {
        let mut observed = content(cluster);
        observed.nodes.insert(NodeId(3), (seconds * 1_000_000, 1));
        observed
    };
    for (seconds, expected) in
        [(1, None), (4, Some(NodeState::Suspect)), (20, None), (31, Some(NodeState::Down)), (40, None)]
    {
        let orders = held(plan(&cluster, &silent(&cluster, seconds), &config));
        let expected: Vec<Order> =
            expected.into_iter().map(|state| Order::SetState(NodeId(3), state, 1)).collect();
        assert_eq!(orders, expected, "after {seconds} s");
        orders.iter().for_each(|order| apply(&mut cluster, order));
    }
    let orders = held(plan(&cluster, &silent(&cluster, config.replace_after.as_secs() + 1), &config));
    assert!(
        !orders.is_empty()
            && orders
                .iter()
                .all(|order| matches!(order, Order::Assign(_, nodes, _) if !nodes.contains(&NodeId(3)))),
        "{orders:?}"
    );
    let back = held(plan(&cluster, &content(&cluster), &config));
    assert_eq!(back, [Order::SetState(NodeId(3), NodeState::Up, 1)]);
}

#[test]
fn a_new_leader_believes_what_was_seen_of_a_node_until_it_hears_it() {
    let config = PlacementConfig::default();
    for state in [NodeState::Joining, NodeState::Suspect, NodeState::Down] {
        let mut cluster = founded(&["", "", ""]);
        cluster.apply(&ClusterEvent::Joined(node(4, "")));
        cluster.apply(&ClusterEvent::Seen { node: NodeId(4), state, incarnation: 0 });
        let mut observed = content(&cluster);
        // A new leader counts silence from its own start.
        observed.nodes.insert(NodeId(4), (0, 0));
        assert_eq!(plan(&cluster, &observed, &config), [], "{state:?}");
        observed.nodes.insert(NodeId(4), (0, 7));
        let orders = plan(&cluster, &observed, &config);
        assert_eq!(orders.first(), Some(&Order::SetState(NodeId(4), NodeState::Up, 7)), "{state:?}");
    }
}

#[test]
fn shards_moving_to_a_lost_node_are_turned_back_and_block_no_other_move() {
    let mut cluster = founded(&["", "", "", "", ""]);
    let before = cluster.sets.clone();
    let config = PlacementConfig::default();
    let mut observed = content(&cluster);
    // The largest allowed number of shards moves to the last node, which had no data of them.
    let lost: Vec<usize> = (1..before.len())
        .filter(|s| !before[*s].contains(&NodeId(5)) && before[*s][0] != NodeId(4))
        .take(2)
        .collect();
    for shard in &lost {
        cluster.sets[*shard][0] = NodeId(5);
    }
    let silent = |seconds: u64| (seconds * 1_000_000, 1);
    observed.nodes.insert(NodeId(5), silent(20));
    cluster.apply(&ClusterEvent::Seen { node: NodeId(5), state: NodeState::Suspect, incarnation: 1 });
    assert_eq!(held(plan(&cluster, &observed, &config)), [], "it may be back in a moment");
    let mut drained = cluster.clone();
    drained.apply(&ClusterEvent::Tasked { node: NodeId(5), scheduling: Scheduling::Draining });
    observed.nodes.insert(NodeId(5), silent(31));
    cluster.apply(&ClusterEvent::Seen { node: NodeId(5), state: NodeState::Down, incarnation: 1 });
    for (mut cluster, what) in [(cluster, "down"), (drained, "drained")] {
        // Another node waits for a slot.
        cluster.apply(&ClusterEvent::Tasked { node: NodeId(4), scheduling: Scheduling::Draining });
        let orders = plan(&cluster, &observed, &config);
        orders.iter().for_each(|order| apply(&mut cluster, order));
        let sorted = |nodes: &[NodeId]| nodes.iter().copied().collect::<BTreeSet<_>>();
        for shard in &lost {
            assert_eq!(sorted(&cluster.sets[*shard]), sorted(&before[*shard]), "{what}: {orders:?}");
        }
        let moved = (0..before.len()).filter(|s| sorted(&cluster.sets[*s]) != sorted(&before[*s])).count();
        assert_eq!(moved, usize::from(config.moves_max), "{what}: {orders:?}");
    }
}

#[test]
fn leading_is_spread_by_load() {
    let mut cluster = founded(&["", "", ""]);
    let hot: Vec<ShardId> =
        (1..=SHARDS).map(ShardId).filter(|s| cluster.target(*s).unwrap().leader == Some(NodeId(1))).collect();
    let mut observed = content(&cluster);
    observed.load = hot.iter().map(|shard| (*shard, 1_000.0)).collect();
    for _ in 0..50 {
        for order in plan(&cluster, &observed, &PlacementConfig::default()) {
            apply(&mut cluster, &order);
        }
    }
    let load = |node: u16| -> usize {
        hot.iter().filter(|shard| cluster.target(**shard).unwrap().leader == Some(NodeId(node))).count()
    };
    let loads: Vec<usize> = (1..=3).map(load).collect();
    assert!(loads.iter().all(|load| (2..=4).contains(load)), "hot shards led: {loads:?}");
    assert_eq!(plan(&cluster, &observed, &PlacementConfig::default()), [], "and then it rests");
}

#[test]
fn any_history_of_nodes_ends_balanced_and_no_plan_names_an_unknown_node() {
    for seed in 0..200 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut cluster = founded(&["a", "b", "c"]);
        let mut ids: Vec<u16> = vec![1, 2, 3];
        for _ in 0..12 {
            let next = ids.len() as u16 + 1 + u16::try_from(cluster.retired.len()).unwrap();
            let some = NodeId(*ids.choose(&mut rng).unwrap());
            match rng.random_range(0..4) {
                0 if ids.len() < 7 => {
                    let next = node(next, ["a", "b", "c"].choose(&mut rng).unwrap());
                    ids.push(next.id.0);
                    cluster.apply(&ClusterEvent::Joined(next));
                }
                1 if ids.len() > 3 => {
                    cluster.apply(&ClusterEvent::Tasked { node: some, scheduling: Scheduling::Draining });
                    settle(&mut cluster);
                    let globals = Globals::default();
                    let context = Context::at(Timestamp(1), Cluster::KEY, &globals);
                    let removal = cluster.decide(&Remove { node: some }, &context);
                    if removal.outcome().is_ok() {
                        cluster.apply(&ClusterEvent::Removed(some));
                        ids.retain(|id| *id != some.0);
                    }
                }
                2 => cluster.apply(&ClusterEvent::Tasked { node: some, scheduling: Scheduling::Cordoned }),
                _ => cluster.apply(&ClusterEvent::Tasked { node: some, scheduling: Scheduling::Full }),
            }
            settle(&mut cluster);
            for set in &cluster.sets {
                let distinct: BTreeSet<_> = set.iter().collect();
                assert_eq!((set.len(), distinct.len()), (3, 3), "seed {seed}: {set:?}");
                assert!(set.iter().all(|node| cluster.nodes.contains_key(node)), "seed {seed}: {set:?}");
            }
        }
        for id in ids {
            cluster.apply(&ClusterEvent::Tasked { node: NodeId(id), scheduling: Scheduling::Full });
        }
        settle(&mut cluster);
        if cluster.nodes.values().map(|m| &m.record.zone).collect::<BTreeSet<_>>().len() == 1 {
            let (least, most) = spread(&cluster);
            assert!(most - least <= 1, "seed {seed}: {least} to {most}");
        }
    }
}

#[test]
fn the_cluster_refuses_what_would_confuse_it() {
    let cluster = founded(&["", "", ""]);
    let globals = Globals::default();
    let context = Context::at(Timestamp(1), Cluster::KEY, &globals);
    let code = |outcome: Result<(), String>| outcome.err().unwrap_or_default();
    let join = |spec: NodeSpec| {
        let decision = cluster.decide(&Join { node: spec }, &context);
        decision.outcome().map(|_| ()).map_err(|refused| refused.code.clone())
    };
    for (spec, expected) in [
        (node(4, ""), ""),
        (node(1, "elsewhere"), ""),
        (NodeSpec { name: "n9".into(), ..node(1, "") }, "NODE_TAKEN"),
        (NodeSpec { name: "n1".into(), ..node(9, "") }, "NODE_TAKEN"),
        (NodeSpec { mesh: node(2, "").mesh, ..node(4, "") }, "ADDRESS_TAKEN"),
        (NodeSpec { id: NodeId(0), ..node(4, "") }, "BAD_NODE"),
    ] {
        assert_eq!(code(join(spec.clone())), expected, "{spec:?}");
    }
    let before = cluster.sets[1].clone();
    for (shard, before, nodes, expected) in [
        (1, before.clone(), vec![NodeId(3), NodeId(1), NodeId(2)], ""),
        (1, vec![NodeId(9)], vec![NodeId(1), NodeId(2), NodeId(3)], "PLACED_MEANWHILE"),
        (1, before.clone(), vec![NodeId(1), NodeId(1)], "BAD_SET"),
        (1, before.clone(), vec![], "BAD_SET"),
        (1, before.clone(), vec![NodeId(1), NodeId(2), NodeId(8)], "NO_SUCH_NODE"),
        (99, before, vec![NodeId(1)], "NO_SUCH_SHARD"),
    ] {
        let ask = AssignShard { shard: ShardId(shard), before, nodes, pinned: false };
        let decision = cluster.decide(&ask, &context);
        assert_eq!(code(decision.outcome().map(|_| ()).map_err(|r| r.code.clone())), expected, "{ask:?}");
    }
    let removal = cluster.decide(&Remove { node: NodeId(1) }, &context);
    assert_eq!(removal.outcome().unwrap_err().code, "NODE_HOLDS_SHARDS");
    let mut alone = founded(&[""]);
    let drain = SetScheduling { node: NodeId(1), scheduling: Scheduling::Draining };
    assert_eq!(alone.decide(&drain, &context).outcome().unwrap_err().code, "LAST_NODE");
    alone.apply(&ClusterEvent::Removed(NodeId(1)));
    assert_eq!(
        alone.decide(&Join { node: node(1, "") }, &context).outcome().unwrap_err().code,
        "NODE_RETIRED",
        "a removed node's number never comes back"
    );
}

#[test]
fn a_pinned_shard_stays_until_it_is_released_or_its_node_leaves() {
    let mut cluster = founded(&["", "", ""]);
    settle(&mut cluster);
    // One node leads everything by pins; balancing would undo that.
    for shard in 0..=SHARDS {
        let mut nodes = cluster.sets[shard as usize].clone();
        nodes.sort_unstable();
        cluster.apply(&ClusterEvent::Placed { shard: ShardId(shard), nodes, pinned: true });
    }
    assert_eq!(plan(&cluster, &content(&cluster), &PlacementConfig::default()), []);
    let nodes = cluster.sets[5].clone();
    cluster.apply(&ClusterEvent::Placed { shard: ShardId(5), nodes, pinned: false });
    let orders = plan(&cluster, &content(&cluster), &PlacementConfig::default());
    assert!(matches!(&orders[..], [Order::Assign(ShardId(5), ..)]), "{orders:?}");
    cluster.apply(&ClusterEvent::Joined(node(4, "")));
    cluster.apply(&ClusterEvent::Seen { node: NodeId(4), state: NodeState::Up, incarnation: 1 });
    cluster.apply(&ClusterEvent::Tasked { node: NodeId(1), scheduling: Scheduling::Draining });
    settle(&mut cluster);
    assert_eq!(cluster.held(NodeId(1)).count(), 0, "pins do not keep a drained node");
}
