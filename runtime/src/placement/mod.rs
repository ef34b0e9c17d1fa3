//! Where replicas live: the cluster's nodes and which of them hold each shard.
//!
//! [`Cluster`] is an entity of the control group and so every node knows it. [`plan()`] decides on changes to it, on the
//! node that leads the control group; each shard's leader takes its group to what is wished, one change of membership at
//! a time ([`wishes`]); each node gives up the replicas that it was relieved of (the keeper). When the control group has
//! no quorum nothing moves, and everything is served as before.

mod asks;
mod cluster;
mod config;
mod keeper;
mod operate;
mod plan;
#[cfg(test)]
mod tests;
pub mod wishes;

pub use asks::{Found, GetCluster, Join, Place, Remove, See, Task};
pub use cluster::{Cluster, ClusterEvent, Duty, Member, NodeState};
pub use config::PlacementConfig;
pub use operate::{Operate, Operator, Remaining};
pub use plan::{Order, Sight, found, plan};
pub use wishes::Wishes;

pub(crate) use asks::with_cluster;
pub(crate) use keeper::{Keeper, KeeperArguments};
