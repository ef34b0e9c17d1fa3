//! The read side of the console: one trait over every node of the cluster.

use futures::future::BoxFuture;

use crate::address::{Address, NodeId};
use crate::death_watch::{Death, Subject};
use crate::error::AskError;
use crate::membership::Member;
use crate::observe::{EntityView, KeyRange, Lifecycle, NodeAddress, NodeView};

/// Reads the state of the cluster from one node, for the console and the terminal UI.
pub trait Inspect: Send + Sync + 'static {
    /// This node.
    fn here(&self) -> NodeId;

    /// Every configured node with its number, name and addresses.
    fn nodes(&self) -> Vec<NodeAddress>;

    /// The cluster's members as last applied on this node; works without a quorum.
    fn members(&self) -> Vec<Member>;

    /// A node's own view of itself, from any node.
    fn node(&self, node: NodeId) -> BoxFuture<'static, Result<NodeView, AskError>>;

    /// The state of one entity, from its shard's leader.
    fn entity(&self, address: Address) -> BoxFuture<'static, Result<EntityView, AskError>>;

    /// Ends an entity's incarnation at its shard's leader and rebuilds its state. This also ends a quarantine.
    fn restart(&self, address: Address) -> BoxFuture<'static, Result<EntityView, AskError>>;

    /// Watches a subject; ready when the subject has ended.
    fn death(&self, subject: Subject) -> BoxFuture<'static, Result<Death, AskError>>;

    /// Keys in a range, sorted, from every shard's leader. Includes entities that are not resident.
    fn keys(&self, range: KeyRange) -> BoxFuture<'static, Result<Vec<String>, AskError>>;

    /// A node's newest lifecycle records, newest first.
    fn journal(&self, node: NodeId, limit: u32) -> BoxFuture<'static, Result<Vec<Lifecycle>, AskError>>;
}
