//! What the cluster's entity is asked, and what it decides.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::cluster::{Cluster, ClusterEvent, Duty, NodeState};
use crate::address::{NodeId, ShardId};
use crate::entity::{Answer, Command, Context, Decide, Decision, Query, Registry};
use crate::error::Refused;
use crate::node_spec::NodeSpec;

/// Code of the refusal of a cluster that does not know yet what it consists of.
pub(crate) const NOT_FOUNDED: &str = "NOT_FOUNDED";

/// Writes down what the configuration founded. Changes nothing when that has been done.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Found {
    /// The first nodes.
    pub nodes: Vec<NodeSpec>,
    /// See [`Cluster::sets`].
    pub sets: Vec<Vec<NodeId>>,
}

impl Command for Found {
    const VERB: &'static str = "found.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

impl Decide<Found> for Cluster {
    fn decide(&self, ask: &Found, _ctx: &Context<'_>) -> Decision<Self, Found> {
        if self.founded() {
            return Decision::unchanged().reply(());
        }
        let (nodes, sets) = (ask.nodes.clone(), ask.sets.clone());
        Decision::event(ClusterEvent::Founded { nodes, sets }).reply(())
    }
}

/// Lets a node in. A node that is in already may come with other addresses.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Join {
    /// Who and where.
    pub node: NodeSpec,
}

impl Command for Join {
    const VERB: &'static str = "join.v1";
    /// Every node, the new one included.
    type Reply = Vec<NodeSpec>;
    const REPEATABLE: bool = true;
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

/// Notes how a node is doing.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct See {
    /// The node.
    pub node: NodeId,
    /// Its state.
    pub state: NodeState,
    /// Of its newest start.
    pub incarnation: u64,
}

impl Command for See {
    const VERB: &'static str = "see.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

impl Decide<See> for Cluster {
    fn decide(&self, ask: &See, _ctx: &Context<'_>) -> Decision<Self, See> {
        match self.known(ask.node) {
            Err(refused) => Decision::refuse(refused),
            Ok(member) if member.state == ask.state && member.incarnation >= ask.incarnation => {
                Decision::unchanged().reply(())
            }
            Ok(_) => {
                let See { node, state, incarnation } = *ask;
                Decision::event(ClusterEvent::Seen { node, state, incarnation }).reply(())
            }
        }
    }
}

/// Says what is wanted of a node.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Task {
    /// The node.
    pub node: NodeId,
    /// What is wanted.
    pub duty: Duty,
}

impl Command for Task {
    const VERB: &'static str = "task.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

impl Decide<Task> for Cluster {
    fn decide(&self, ask: &Task, _ctx: &Context<'_>) -> Decision<Self, Task> {
        match self.known(ask.node) {
            Err(refused) => Decision::refuse(refused),
            Ok(member) if member.duty == ask.duty => Decision::unchanged().reply(()),
            Ok(_) => {
                let alone = self.nodes.values().all(|m| m.record.id == ask.node || m.duty == Duty::Draining);
                if ask.duty == Duty::Draining && alone {
                    return Decision::refuse(Refused::new(
                        "LAST_NODE",
                        "no other node could take its shards",
                    ));
                }
                Decision::event(ClusterEvent::Tasked { node: ask.node, duty: ask.duty }).reply(())
            }
        }
    }
}

/// Says which nodes shall hold a shard.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Place {
    /// The shard.
    pub shard: ShardId,
    /// What it was when this was decided: two who decide at once must not undo each other.
    pub before: Vec<NodeId>,
    /// What it shall be, the preferred leader first.
    pub nodes: Vec<NodeId>,
    /// See [`Cluster::pinned`].
    pub pinned: bool,
}

impl Command for Place {
    const VERB: &'static str = "place.v1";
    type Reply = ();
}

impl Decide<Place> for Cluster {
    fn decide(&self, ask: &Place, _ctx: &Context<'_>) -> Decision<Self, Place> {
        let Some(set) = self.sets.get(ask.shard.0 as usize) else {
            let why =
                format!("there is no shard {}; the last is {}", ask.shard, self.sets.len().saturating_sub(1));
            return Decision::refuse(Refused::new("NO_SUCH_SHARD", why));
        };
        if *set == ask.nodes && self.pinned.contains(&ask.shard) == ask.pinned {
            return Decision::unchanged().reply(());
        }
        if *set != ask.before {
            let why = format!("shard {} was placed anew meanwhile: look again", ask.shard);
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
        let Place { shard, nodes, pinned, .. } = ask.clone();
        Decision::event(ClusterEvent::Placed { shard, nodes, pinned }).reply(())
    }
}

/// Takes a node that holds nothing off the cluster, for good.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Remove {
    /// The node.
    pub node: NodeId,
}

impl Command for Remove {
    const VERB: &'static str = "remove.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
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
            let why = format!("node {} shall still hold {held} shards: drain it first", ask.node);
            return Decision::refuse(Refused::new("NODE_HOLDS_SHARDS", why));
        }
        Decision::event(ClusterEvent::Removed(ask.node)).reply(())
    }
}

/// The whole of it.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetCluster {}

impl Query for GetCluster {
    const VERB: &'static str = "get.v1";
    type Reply = Cluster;
}

impl Answer<GetCluster> for Cluster {
    fn answer(&self, _ask: &GetCluster, _ctx: &Context<'_>) -> Result<Cluster, Refused> {
        Ok(self.clone())
    }
}

/// A registry that knows the runtime's own kind as well.
#[must_use]
pub(crate) fn with_cluster(registry: Registry) -> Registry {
    registry
        .kind::<Cluster>()
        .command::<Cluster, Found>()
        .command::<Cluster, Join>()
        .command::<Cluster, See>()
        .command::<Cluster, Task>()
        .command::<Cluster, Place>()
        .command::<Cluster, Remove>()
        .query::<Cluster, GetCluster>()
}
