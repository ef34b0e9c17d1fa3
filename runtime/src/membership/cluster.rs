//! The cluster's own truth, as an entity of the control group: its nodes, and which of them hold each shard.

use std::collections::{BTreeMap, BTreeSet};

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::target_membership::Wishes;
use crate::address::{NodeId, ShardId};
use crate::entity::{Entity, Placement};
use crate::error::Refused;
use crate::node_spec::NodeSpec;

/// How a node is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// It was let in and has not been heard of.
    Joining,
    /// It is there.
    Up,
    /// It has been silent for a while: nothing new is placed on it.
    Suspect,
    /// It has been silent for long; in time its replicas are placed elsewhere.
    Down,
}

/// What people want of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duty {
    /// To hold its share.
    Full,
    /// To keep what it holds and get nothing new.
    Cordoned,
    /// To give away everything that others can take.
    Draining,
}

/// A node's place in the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Member {
    /// Who and where.
    pub record: NodeSpec,
    /// How it is doing.
    pub state: NodeState,
    /// What is wanted of it.
    pub duty: Duty,
    /// Of its newest start that was seen; zero before.
    pub incarnation: u64,
}

/// The cluster. There is one, under [`Cluster::KEY`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Cluster {
    /// Its nodes.
    pub nodes: BTreeMap<NodeId, Member>,
    /// Nodes that shall hold each shard, the control group first; in each the preferred leader first. Empty until the
    /// cluster is founded.
    pub sets: Vec<Vec<NodeId>>,
    /// Shards placed by hand: they are not moved for balance, as long as their preferred leader is in service.
    pub pinned: BTreeSet<ShardId>,
    /// Numbers that were used once and must not come back: a removed node's replicas may still be somewhere.
    pub retired: Vec<NodeId>,
}

/// A fact about the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub enum ClusterEvent {
    /// Its first nodes and where its shards began.
    Founded {
        /// The first nodes.
        nodes: Vec<NodeSpec>,
        /// See [`Cluster::sets`].
        sets: Vec<Vec<NodeId>>,
    },
    /// A node was let in, or has moved to other addresses.
    Joined(NodeSpec),
    /// A node was seen in another state.
    Seen {
        /// The node.
        node: NodeId,
        /// Its state.
        state: NodeState,
        /// Of its newest start.
        incarnation: u64,
    },
    /// Something else is wanted of a node.
    Tasked {
        /// The node.
        node: NodeId,
        /// What is wanted.
        duty: Duty,
    },
    /// Other nodes shall hold a shard.
    Placed {
        /// The shard.
        shard: ShardId,
        /// See [`Cluster::sets`].
        nodes: Vec<NodeId>,
        /// See [`Cluster::pinned`].
        pinned: bool,
    },
    /// A node is gone for good.
    Removed(NodeId),
}

impl Cluster {
    /// The one key.
    pub const KEY: &'static str = "main";

    /// Whether it has been founded.
    #[must_use]
    pub fn founded(&self) -> bool {
        !self.sets.is_empty()
    }

    /// What is wished for a shard; none before the cluster is founded.
    #[must_use]
    pub fn wishes(&self, shard: ShardId) -> Option<Wishes> {
        let voters = self.sets.get(shard.0 as usize)?.clone();
        // Every node follows the control group: what it holds must be readable everywhere.
        let learners = match shard {
            ShardId::CONTROL => self.nodes.keys().copied().filter(|node| !voters.contains(node)).collect(),
            _ => Vec::new(),
        };
        let unburdened = |node: &&NodeId| self.nodes.get(*node).is_some_and(|m| m.duty == Duty::Full);
        let leader = voters.iter().find(unburdened).copied();
        let leaving = self.nodes.values().filter(|member| member.duty == Duty::Draining);
        let leaving = leaving.map(|member| member.record.id).collect();
        Some(Wishes { leader, voters, learners, by_hand: self.pinned.contains(&shard), leaving })
    }

    /// A node by its name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Member> {
        self.nodes.values().find(|member| member.record.name == name)
    }

    /// Shards that shall live on a node, the control group not counted.
    pub fn held(&self, node: NodeId) -> impl Iterator<Item = ShardId> + '_ {
        let sets = self.sets.iter().enumerate().skip(1).filter(move |(_, set)| set.contains(&node));
        sets.map(|(shard, _)| ShardId(u32::try_from(shard).unwrap_or(u32::MAX)))
    }

    pub(super) fn conflict(&self, new: &NodeSpec) -> Option<Refused> {
        if new.id.0 == 0 {
            return Some(Refused::new("BAD_NODE", "id must be 1 to 65535"));
        }
        if self.retired.contains(&new.id) {
            let why = format!("id {} belonged to a node that was removed: choose another", new.id);
            return Some(Refused::new("NODE_RETIRED", why));
        }
        for member in self.nodes.values() {
            let old = &member.record;
            if (old.id == new.id) != (old.name == new.name) {
                let why =
                    format!("id {} and name {:?} are those of {} ({})", new.id, new.name, old.name, old.id);
                return Some(Refused::new("NODE_TAKEN", why));
            }
            if old.id != new.id
                && let Some((key, address)) = [
                    ("mesh", new.mesh, old.mesh),
                    ("gateway", new.gateway, old.gateway),
                    ("admin", new.admin, old.admin),
                ]
                .into_iter()
                .find_map(|(key, new, old)| (new == old).then_some((key, new)))
            {
                let why = format!("{key} address {address} is that of {}", old.name);
                return Some(Refused::new("ADDRESS_TAKEN", why));
            }
        }
        None
    }

    pub(super) fn known(&self, node: NodeId) -> Result<&Member, Refused> {
        self.nodes.get(&node).ok_or_else(|| Refused::new("NO_SUCH_NODE", format!("there is no node {node}")))
    }
}

impl Entity for Cluster {
    const KIND: &'static str = "clusters";
    const PLACEMENT: Placement = Placement::Control;
    type Event = ClusterEvent;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Self::Event) {
        match event {
            ClusterEvent::Founded { nodes, sets } => {
                self.sets.clone_from(sets);
                for record in nodes {
                    let member = Member {
                        record: record.clone(),
                        state: NodeState::Joining,
                        duty: Duty::Full,
                        incarnation: 0,
                    };
                    self.nodes.insert(record.id, member);
                }
            }
            ClusterEvent::Joined(record) => match self.nodes.get_mut(&record.id) {
                Some(member) => member.record = record.clone(),
                None => {
                    let member = Member {
                        record: record.clone(),
                        state: NodeState::Joining,
                        duty: Duty::Full,
                        incarnation: 0,
                    };
                    self.nodes.insert(record.id, member);
                }
            },
            ClusterEvent::Seen { node, state, incarnation } => {
                if let Some(member) = self.nodes.get_mut(node) {
                    member.state = *state;
                    member.incarnation = member.incarnation.max(*incarnation);
                }
            }
            ClusterEvent::Tasked { node, duty } => {
                if let Some(member) = self.nodes.get_mut(node) {
                    member.duty = *duty;
                }
            }
            ClusterEvent::Placed { shard, nodes, pinned } => {
                if let Some(set) = self.sets.get_mut(shard.0 as usize) {
                    set.clone_from(nodes);
                }
                if *pinned {
                    self.pinned.insert(*shard);
                } else {
                    self.pinned.remove(shard);
                }
            }
            ClusterEvent::Removed(node) => {
                self.nodes.remove(node);
                self.retired.push(*node);
            }
        }
    }

    fn size(&self) -> usize {
        size_of_val(self)
            + self.nodes.len() * 256
            + self.sets.iter().map(|set| 24 + set.len() * 2).sum::<usize>()
    }
}
