//! The cluster entity in the control group: the nodes, and which of them hold each shard.

use std::collections::{BTreeMap, BTreeSet};

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::target_membership::TargetMembership;
use crate::address::{NodeId, ShardId};
use crate::entity::{Entity, Placement};
use crate::error::Refused;
use crate::node_spec::NodeSpec;

/// State of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// The node was added and has not been heard of yet.
    Joining,
    /// The node answers.
    Up,
    /// The node has been silent for `suspect_after`: no new replica is placed on it.
    Suspect,
    /// The node has been silent for `down_after`; after `replace_after` its replicas are moved.
    Down,
}

/// Whether a node gets replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheduling {
    /// The node gets its share.
    Full,
    /// The node keeps its replicas and gets no new ones.
    Cordoned,
    /// The node's replicas and leaderships move to other nodes.
    Draining,
}

/// A member of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Member {
    /// The node's record.
    pub record: NodeSpec,
    /// Its state.
    pub state: NodeState,
    /// Whether it gets replicas.
    #[serde(rename = "duty")]
    pub scheduling: Scheduling,
    /// Incarnation of the newest start that was seen; zero before the first.
    pub incarnation: u64,
}

/// The cluster. The only entity of its kind, under [`Cluster::KEY`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Cluster {
    /// Its nodes.
    pub nodes: BTreeMap<NodeId, Member>,
    /// Target nodes of each shard, the control group first; the preferred leader is first in each set. Empty until
    /// the cluster is initialised.
    pub sets: Vec<Vec<NodeId>>,
    /// Shards placed by an operator. They are not moved for balance while their preferred leader is in service.
    pub pinned: BTreeSet<ShardId>,
    /// Numbers of removed nodes. They must not be used again: replicas of a removed node may still exist.
    pub retired: Vec<NodeId>,
}

/// An event of the cluster entity.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub enum ClusterEvent {
    /// The initial nodes and the initial placement.
    Founded {
        /// The first nodes.
        nodes: Vec<NodeSpec>,
        /// See [`Cluster::sets`].
        sets: Vec<Vec<NodeId>>,
    },
    /// A node joined, or changed its addresses.
    Joined(NodeSpec),
    /// A node changed its state.
    Seen {
        /// The node.
        node: NodeId,
        /// Its state.
        state: NodeState,
        /// Incarnation of its newest start.
        incarnation: u64,
    },
    /// A node's scheduling changed.
    Tasked {
        /// The node.
        node: NodeId,
        /// The new scheduling.
        #[serde(rename = "duty")]
        scheduling: Scheduling,
    },
    /// A shard's target nodes changed.
    Placed {
        /// The shard.
        shard: ShardId,
        /// See [`Cluster::sets`].
        nodes: Vec<NodeId>,
        /// See [`Cluster::pinned`].
        pinned: bool,
    },
    /// A node was removed for good.
    Removed(NodeId),
}

impl Cluster {
    /// The one key.
    pub const KEY: &'static str = "main";

    /// Whether the cluster is initialised.
    #[must_use]
    pub fn founded(&self) -> bool {
        !self.sets.is_empty()
    }

    /// The target membership of a shard; `None` before the cluster is initialised.
    #[must_use]
    pub fn target(&self, shard: ShardId) -> Option<TargetMembership> {
        let voters = self.sets.get(shard.0 as usize)?.clone();
        // Every node is a learner of the control group: its state must be readable on every node.
        let learners = match shard {
            ShardId::CONTROL => self.nodes.keys().copied().filter(|node| !voters.contains(node)).collect(),
            _ => Vec::new(),
        };
        let unburdened =
            |node: &&NodeId| self.nodes.get(*node).is_some_and(|m| m.scheduling == Scheduling::Full);
        let leader = voters.iter().find(unburdened).copied();
        let leaving = self.nodes.values().filter(|member| member.scheduling == Scheduling::Draining);
        let leaving = leaving.map(|member| member.record.id).collect();
        Some(TargetMembership { leader, voters, learners, by_hand: self.pinned.contains(&shard), leaving })
    }

    /// A node by its name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Member> {
        self.nodes.values().find(|member| member.record.name == name)
    }

    /// Shards placed on a node, without the control group.
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
        self.nodes
            .get(&node)
            .ok_or_else(|| Refused::new("NO_SUCH_NODE", format!("node {node} does not exist")))
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
                        scheduling: Scheduling::Full,
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
                        scheduling: Scheduling::Full,
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
            ClusterEvent::Tasked { node, scheduling } => {
                if let Some(member) = self.nodes.get_mut(node) {
                    member.scheduling = *scheduling;
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
