//! The cluster's members and the target membership of each shard.
//!
//! [`Cluster`] is an entity of the control group, so every node has a copy of it. It names the nodes and, for each
//! shard, the nodes that are to hold it. [`target_membership`] computes the next change of a Raft group's membership
//! from that target. Commands of `placement` change the entity; each shard's leader reads it.

mod cluster;
mod commands;
pub mod target_membership;

pub use cluster::{Cluster, ClusterEvent, Member, NodeState, Scheduling};
pub use commands::{AssignShard, GetCluster, InitCluster, Join, RecordNodeState, Remove, SetScheduling};
pub(crate) use commands::{NOT_FOUNDED, with_cluster};
pub use target_membership::TargetMembership;
