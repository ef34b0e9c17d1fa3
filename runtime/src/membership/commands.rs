//! Commands and queries of the cluster entity.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::cluster::{Cluster, ClusterEvent, NodeState, Scheduling};
use crate::address::{NodeId, ShardId};
use crate::entity::{Answer, Context, Decide, Decision, Registry};
use crate::error::Refused;
use crate::node_spec::NodeSpec;
use crate::{command, query};

/// Code of the refusal by a cluster that is not initialised yet.
pub(crate) const NOT_FOUNDED: &str = "NOT_FOUNDED";

/// Records the initial configuration. Changes nothing if the cluster is initialised already.
#[command("found.v1", repeatable)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct InitCluster {
    /// The first nodes.
    pub nodes: Vec<NodeSpec>,
    /// See [`Cluster::sets`].
    pub sets: Vec<Vec<NodeId>>,
}

impl Decide<InitCluster> for Cluster {
    fn decide(&self, ask: &InitCluster, _ctx: &Context<'_>) -> Decision<Self, InitCluster> {
        if self.founded() {
            return Decision::unchanged().reply(());
        }
        let (nodes, sets) = (ask.nodes.clone(), ask.sets.clone());
        Decision::event(ClusterEvent::Founded { nodes, sets }).reply(())
    }
}

/// Adds a node. A known node may come with new addresses.
///
/// Reply: every node, the new one included.
#[command("join.v1", reply = Vec<NodeSpec>, repeatable)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Join {
    /// The node's record.
    pub node: NodeSpec,
}

impl Decide<Join> for Cluster {
    fn decide(&self, ask: &Join, _ctx: &Context<'_>) -> Decision<Self, Join> {
        if !self.founded() {
            return Decision::refuse(Refused::new(NOT_FOUNDED, "the cluster is not founded yet: try again"));
        }
        if let Some(refused) = self.conflict(&ask.node) {
            return Decision::refuse(refused);
        }
        let mut nodes: BTreeMap<NodeId, NodeSpec> =
            self.nodes.iter().map(|(id, member)| (*id, member.record.clone())).collect();
        let before = nodes.insert(ask.node.id, ask.node.clone());
        let reply = nodes.into_values().collect();
        match before {
            Some(before) if before == ask.node => Decision::unchanged().reply(reply),
            _ => Decision::event(ClusterEvent::Joined(ask.node.clone())).reply(reply),
        }
    }
}

/// Records a node's state.
#[command("see.v1", repeatable)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct RecordNodeState {
    /// The node.
    pub node: NodeId,
    /// Its state.
    pub state: NodeState,
    /// Incarnation of its newest start.
    pub incarnation: u64,
}

impl Decide<RecordNodeState> for Cluster {
    fn decide(&self, ask: &RecordNodeState, _ctx: &Context<'_>) -> Decision<Self, RecordNodeState> {
        match self.known(ask.node) {
            Err(refused) => Decision::refuse(refused),
            Ok(member) if member.state == ask.state && member.incarnation >= ask.incarnation => {
                Decision::unchanged().reply(())
            }
            Ok(_) => {
                let RecordNodeState { node, state, incarnation } = *ask;
                Decision::event(ClusterEvent::Seen { node, state, incarnation }).reply(())
            }
        }
    }
}

/// Sets a node's scheduling.
#[command("task.v1", repeatable)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct SetScheduling {
    /// The node.
    pub node: NodeId,
    /// The new scheduling.
    #[serde(rename = "duty")]
    pub scheduling: Scheduling,
}

impl Decide<SetScheduling> for Cluster {
    fn decide(&self, ask: &SetScheduling, _ctx: &Context<'_>) -> Decision<Self, SetScheduling> {
        match self.known(ask.node) {
            Err(refused) => Decision::refuse(refused),
            Ok(member) if member.scheduling == ask.scheduling => Decision::unchanged().reply(()),
            Ok(_) => {
                let alone = self
                    .nodes
                    .values()
                    .all(|m| m.record.id == ask.node || m.scheduling == Scheduling::Draining);
                if ask.scheduling == Scheduling::Draining && alone {
                    return Decision::refuse(Refused::new(
                        "LAST_NODE",
                        "no other node could take its shards",
                    ));
                }
                Decision::event(ClusterEvent::Tasked { node: ask.node, scheduling: ask.scheduling }).reply(())
            }
        }
    }
}

/// Sets the target nodes of a shard.
#[command("place.v1")]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct AssignShard {
    /// The shard.
    pub shard: ShardId,
    /// The set that the caller saw: one of two concurrent decisions is refused.
    pub before: Vec<NodeId>,
    /// The new set, the preferred leader first.
    pub nodes: Vec<NodeId>,
    /// See [`Cluster::pinned`].
    pub pinned: bool,
}

impl Decide<AssignShard> for Cluster {
    fn decide(&self, ask: &AssignShard, _ctx: &Context<'_>) -> Decision<Self, AssignShard> {
        let Some(set) = self.sets.get(ask.shard.0 as usize) else {
            let why = format!(
                "shard {} does not exist; the last is {}",
                ask.shard,
                self.sets.len().saturating_sub(1)
            );
            return Decision::refuse(Refused::new("NO_SUCH_SHARD", why));
        };
        if *set == ask.nodes && self.pinned.contains(&ask.shard) == ask.pinned {
            return Decision::unchanged().reply(());
        }
        if *set != ask.before {
            let why =
                format!("shard {} was placed differently in the meantime: read the cluster again", ask.shard);
            return Decision::refuse(Refused::new("PLACED_MEANWHILE", why));
        }
        let mut distinct = ask.nodes.clone();
        distinct.sort_unstable();
        distinct.dedup();
        if distinct.len() != ask.nodes.len() || ask.nodes.is_empty() {
            return Decision::refuse(Refused::new("BAD_SET", "a shard needs one or more different nodes"));
        }
        if let Some(refused) = ask.nodes.iter().find_map(|node| self.known(*node).err()) {
            return Decision::refuse(refused);
        }
        let AssignShard { shard, nodes, pinned, .. } = ask.clone();
        Decision::event(ClusterEvent::Placed { shard, nodes, pinned }).reply(())
    }
}

/// Removes a node without shards, for good.
#[command("remove.v1", repeatable)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Remove {
    /// The node.
    pub node: NodeId,
}

impl Decide<Remove> for Cluster {
    fn decide(&self, ask: &Remove, _ctx: &Context<'_>) -> Decision<Self, Remove> {
        if self.retired.contains(&ask.node) {
            return Decision::unchanged().reply(());
        }
        if let Err(refused) = self.known(ask.node) {
            return Decision::refuse(refused);
        }
        let held = self.sets.iter().filter(|set| set.contains(&ask.node)).count();
        if held > 0 {
            let why = format!("node {} still has {held} shards: drain it first", ask.node);
            return Decision::refuse(Refused::new("NODE_HOLDS_SHARDS", why));
        }
        Decision::event(ClusterEvent::Removed(ask.node)).reply(())
    }
}

/// Reads the whole cluster entity.
#[query("get.v1", reply = Cluster)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetCluster {}

impl Answer<GetCluster> for Cluster {
    fn answer(&self, _ask: &GetCluster, _ctx: &Context<'_>) -> Result<Cluster, Refused> {
        Ok(self.clone())
    }
}

/// Adds the runtime's own kind to a registry.
#[must_use]
pub(crate) fn with_cluster(registry: Registry) -> Registry {
    registry
        .kind::<Cluster>()
        .command::<Cluster, InitCluster>()
        .command::<Cluster, Join>()
        .command::<Cluster, RecordNodeState>()
        .command::<Cluster, SetScheduling>()
        .command::<Cluster, AssignShard>()
        .command::<Cluster, Remove>()
        .query::<Cluster, GetCluster>()
}
