//! What people do to a cluster: let nodes in, take them out of service, move shards, and wait until it is done.

use std::time::Duration;

use bincode::{Decode, Encode};
use futures::future::{BoxFuture, join_all};
use serde::{Deserialize, Serialize};

use super::handle::NodeHandle;
use crate::address::{Address, NodeId, ShardId};
use crate::entity::Command;
use crate::error::{AskError, Refused};
use crate::membership::{Cluster, Duty, NodeState};
use crate::membership::{GetCluster, Join, NOT_FOUNDED, Place, Remove, Task};
use crate::node_spec::NodeSpec;
use crate::observe::Role;
use crate::routing::AskOptions;

/// Time for one command.
const WITHIN: Duration = Duration::from_secs(5);

/// Time that a cluster which starts has to write down what it consists of.
const FOUNDED_WITHIN: Duration = Duration::from_secs(20);

/// What a node still has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Remaining {
    /// Shards that it leads.
    pub leads: Vec<ShardId>,
    /// Shards that it votes in.
    pub votes: Vec<ShardId>,
    /// Shards that it shall hold: they stay when no other node can take them.
    pub wished: Vec<ShardId>,
}

/// Acts on the cluster as a whole.
pub trait Operate: Send + Sync + 'static {
    /// Nodes and placement.
    fn cluster(&self) -> BoxFuture<'static, Result<Cluster, AskError>>;

    /// Lets a node in; answers every node.
    fn join(&self, node: NodeSpec) -> BoxFuture<'static, Result<Vec<NodeSpec>, AskError>>;

    /// Says what is wanted of a node.
    fn task(&self, node: NodeId, duty: Duty) -> BoxFuture<'static, Result<(), AskError>>;

    /// Makes a node hold and lead a shard.
    fn move_shard(&self, shard: ShardId, to: NodeId) -> BoxFuture<'static, Result<Vec<NodeId>, AskError>>;

    /// Leaves a shard that was moved by hand to the balance of leads and replicas again.
    fn release(&self, shard: ShardId) -> BoxFuture<'static, Result<(), AskError>>;

    /// Takes a node that holds nothing off the cluster.
    fn remove(&self, node: NodeId) -> BoxFuture<'static, Result<(), AskError>>;

    /// What a node still has.
    fn remaining(&self, node: NodeId) -> BoxFuture<'static, Result<Remaining, AskError>>;
}

/// Acts through a node's router.
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

/// The set that holds a shard once `to` leads it; the last of the others makes room where it is not a holder yet.
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
                // A cluster that has just started writes down what it consists of before it takes others.
                let early = matches!(&joined, Err(AskError::Refused(refused)) if refused.code == NOT_FOUNDED);
                if !early || tokio::time::Instant::now() >= until {
                    return joined;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
    }

    fn task(&self, node: NodeId, duty: Duty) -> BoxFuture<'static, Result<(), AskError>> {
        let this = self.clone();
        Box::pin(async move {
            this.ask(&Task { node, duty }).await?;
            this.0.note(format!("node-{node}"), "tasked", format!("{duty:?}"));
            Ok(())
        })
    }

    fn move_shard(&self, shard: ShardId, to: NodeId) -> BoxFuture<'static, Result<Vec<NodeId>, AskError>> {
        let this = self.clone();
        Box::pin(async move {
            let cluster = this.get().await?;
            let refuse = |code: &str, why: String| AskError::Refused(Refused::new(code, why));
            let Some(before) = cluster.sets.get(shard.0 as usize).cloned() else {
                return Err(refuse("NO_SUCH_SHARD", format!("there is no shard {shard}")));
            };
            match cluster.nodes.get(&to) {
                None => return Err(refuse("NO_SUCH_NODE", format!("there is no node {to}"))),
                Some(member) if member.duty != Duty::Full => {
                    let why = format!("node {to} is {:?}: uncordon it first", member.duty).to_lowercase();
                    return Err(refuse("NODE_CLOSED", why));
                }
                // Its shard would wait for it, and with it everything else that is to be moved.
                Some(member) if member.state != NodeState::Up => {
                    let why = format!("node {to} is {:?}: it must be up to be given a shard", member.state);
                    return Err(refuse("NODE_NOT_UP", why.to_lowercase()));
                }
                Some(_) => {}
            }
            let nodes = with_leader(&before, to, usize::from(this.0.config.replicas));
            this.ask(&Place { shard, before, nodes: nodes.clone(), pinned: true }).await?;
            this.0.note(format!("shard-{shard}"), "placing", format!("on node {to}, by hand"));
            Ok(nodes)
        })
    }

    fn release(&self, shard: ShardId) -> BoxFuture<'static, Result<(), AskError>> {
        let this = self.clone();
        Box::pin(async move {
            let cluster = this.get().await?;
            let nodes = cluster.sets.get(shard.0 as usize).cloned().unwrap_or_default();
            this.ask(&Place { shard, before: nodes.clone(), nodes, pinned: false }).await?;
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
            let mut remaining = Remaining { wished: cluster.held(node).collect(), ..Remaining::default() };
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
    fn a_shard_is_led_where_it_is_moved_and_the_last_makes_room_when_it_must() {
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
