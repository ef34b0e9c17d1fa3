//! Operations on a cluster: add nodes, drain and remove them, move shards, and report the remaining work.

use std::time::Duration;

use bincode::{Decode, Encode};
use futures::future::{BoxFuture, join_all};
use serde::{Deserialize, Serialize};

use super::handle::NodeHandle;
use crate::address::{Address, NodeId, ShardId};
use crate::entity::Command;
use crate::error::{AskError, Refused};
use crate::membership::{
    AssignShard, Cluster, GetCluster, Join, NOT_FOUNDED, NodeState, Remove, Scheduling, SetScheduling,
};
use crate::node_spec::NodeSpec;
use crate::observe::Role;
use crate::routing::AskOptions;

/// Timeout of one command.
const WITHIN: Duration = Duration::from_secs(5);

/// Time for a starting cluster to be initialised.
const FOUNDED_WITHIN: Duration = Duration::from_secs(20);

/// Work left on a node that is being drained.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Remaining {
    /// Shards that the node leads.
    pub leads: Vec<ShardId>,
    /// Shards in which the node votes.
    pub votes: Vec<ShardId>,
    /// Shards placed on the node: they stay if no other node can take them.
    #[serde(rename = "wished")]
    pub placed: Vec<ShardId>,
}

/// Operations on the cluster.
pub trait Operate: Send + Sync + 'static {
    /// The nodes and the placement.
    fn cluster(&self) -> BoxFuture<'static, Result<Cluster, AskError>>;

    /// Adds a node; returns all nodes.
    fn join(&self, node: NodeSpec) -> BoxFuture<'static, Result<Vec<NodeSpec>, AskError>>;

    /// Sets a node's scheduling.
    fn set_scheduling(
        &self,
        node: NodeId,
        scheduling: Scheduling,
    ) -> BoxFuture<'static, Result<(), AskError>>;

    /// Places a shard on a node and makes the node its leader.
    fn move_shard(&self, shard: ShardId, to: NodeId) -> BoxFuture<'static, Result<Vec<NodeId>, AskError>>;

    /// Returns a pinned shard to automatic balancing.
    fn release(&self, shard: ShardId) -> BoxFuture<'static, Result<(), AskError>>;

    /// Removes a node without shards.
    fn remove(&self, node: NodeId) -> BoxFuture<'static, Result<(), AskError>>;

    /// Work left on a node that is being drained.
    fn remaining(&self, node: NodeId) -> BoxFuture<'static, Result<Remaining, AskError>>;
}

/// Performs operations through a node's router.
#[derive(Clone)]
pub struct Operator(NodeHandle);

impl Operator {
    pub(crate) const fn new(node: NodeHandle) -> Self {
        Self(node)
    }

    async fn ask<C>(&self, command: &C) -> Result<C::Reply, AskError>
    where
        C: Command,
        Cluster: crate::entity::Decide<C>,
    {
        let to = Address::of::<Cluster>(Cluster::KEY);
        self.0.router.ask(&to, command, AskOptions::within(WITHIN)).await
    }

    async fn get(&self) -> Result<Cluster, AskError> {
        let to = Address::of::<Cluster>(Cluster::KEY);
        self.0.router.query(&to, &GetCluster {}, WITHIN).await
    }
}

/// The set of a shard after `to` becomes its leader. If `to` is new and the set is full, the last node is dropped.
fn with_leader(set: &[NodeId], to: NodeId, replicas: usize) -> Vec<NodeId> {
    let mut next = vec![to];
    next.extend(set.iter().copied().filter(|node| *node != to));
    if !set.contains(&to) && set.len() >= replicas {
        next.truncate(set.len());
    }
    next
}

impl Operate for Operator {
    fn cluster(&self) -> BoxFuture<'static, Result<Cluster, AskError>> {
        let this = self.clone();
        Box::pin(async move { this.get().await })
    }

    fn join(&self, node: NodeSpec) -> BoxFuture<'static, Result<Vec<NodeSpec>, AskError>> {
        let this = self.clone();
        Box::pin(async move {
            this.0.note(format!("node-{}", node.id), "joining", format!("{} at {}", node.name, node.mesh));
            let until = tokio::time::Instant::now() + FOUNDED_WITHIN;
            loop {
                let joined = this.ask(&Join { node: node.clone() }).await;
                // A starting cluster records its initial configuration before it accepts nodes.
                let early = matches!(&joined, Err(AskError::Refused(refused)) if refused.code == NOT_FOUNDED);
                if !early || tokio::time::Instant::now() >= until {
                    return joined;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
    }

    fn set_scheduling(
        &self,
        node: NodeId,
        scheduling: Scheduling,
    ) -> BoxFuture<'static, Result<(), AskError>> {
        let this = self.clone();
        Box::pin(async move {
            this.ask(&SetScheduling { node, scheduling }).await?;
            this.0.note(format!("node-{node}"), "tasked", format!("{scheduling:?}"));
            Ok(())
        })
    }

    fn move_shard(&self, shard: ShardId, to: NodeId) -> BoxFuture<'static, Result<Vec<NodeId>, AskError>> {
        let this = self.clone();
        Box::pin(async move {
            let cluster = this.get().await?;
            let refuse = |code: &str, why: String| AskError::Refused(Refused::new(code, why));
            let Some(before) = cluster.sets.get(shard.0 as usize).cloned() else {
                return Err(refuse("NO_SUCH_SHARD", format!("shard {shard} does not exist")));
            };
            match cluster.nodes.get(&to) {
                None => return Err(refuse("NO_SUCH_NODE", format!("node {to} does not exist"))),
                Some(member) if member.scheduling != Scheduling::Full => {
                    let why =
                        format!("node {to} is {:?}: uncordon it first", member.scheduling).to_lowercase();
                    return Err(refuse("NODE_CLOSED", why));
                }
                // The shard would wait for the node, and with it all other moves.
                Some(member) if member.state != NodeState::Up => {
                    let why = format!("node {to} is {:?}: it must be up to be given a shard", member.state);
                    return Err(refuse("NODE_NOT_UP", why.to_lowercase()));
                }
                Some(_) => {}
            }
            let nodes = with_leader(&before, to, usize::from(this.0.config.replicas));
            this.ask(&AssignShard { shard, before, nodes: nodes.clone(), pinned: true }).await?;
            this.0.note(format!("shard-{shard}"), "placing", format!("on node {to}, by hand"));
            Ok(nodes)
        })
    }

    fn release(&self, shard: ShardId) -> BoxFuture<'static, Result<(), AskError>> {
        let this = self.clone();
        Box::pin(async move {
            let cluster = this.get().await?;
            let nodes = cluster.sets.get(shard.0 as usize).cloned().unwrap_or_default();
            this.ask(&AssignShard { shard, before: nodes.clone(), nodes, pinned: false }).await?;
            this.0.note(format!("shard-{shard}"), "released", "by hand".to_owned());
            Ok(())
        })
    }

    fn remove(&self, node: NodeId) -> BoxFuture<'static, Result<(), AskError>> {
        let this = self.clone();
        Box::pin(async move {
            this.ask(&Remove { node }).await?;
            this.0.note(format!("node-{node}"), "removed", "by hand".to_owned());
            Ok(())
        })
    }

    fn remaining(&self, node: NodeId) -> BoxFuture<'static, Result<Remaining, AskError>> {
        let this = self.clone();
        Box::pin(async move {
            let cluster = this.get().await?;
            let inspect = &this.0.inspect;
            let views = join_all(cluster.nodes.keys().map(|other| inspect.node(*other))).await;
            let mut remaining = Remaining { placed: cluster.held(node).collect(), ..Remaining::default() };
            for view in views.into_iter().filter_map(Result::ok) {
                for shard in view.shards.iter().filter(|shard| shard.role == Role::Leader) {
                    if view.node == node {
                        remaining.leads.push(shard.shard);
                    }
                    if shard.voters.contains(&node) {
                        remaining.votes.push(shard.shard);
                    }
                }
            }
            Ok(remaining)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_shard_is_led_by_its_new_node_and_a_full_set_drops_its_last_node() {
        let nodes = |of: &[u16]| of.iter().copied().map(NodeId).collect::<Vec<_>>();
        for (set, to, expected) in [
            (&[1, 2, 3][..], 2, &[2, 1, 3][..]),
            (&[1, 2, 3], 4, &[4, 1, 2]),
            (&[1, 2], 4, &[4, 1, 2]),
            (&[1], 1, &[1]),
        ] {
            assert_eq!(with_leader(&nodes(set), NodeId(to), 3), nodes(expected), "{set:?} {to}");
        }
    }
}
