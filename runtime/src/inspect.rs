//! The read side of the console: one trait over every node of the cluster.

use futures::future::BoxFuture;

use crate::address::{Address, NodeId};
use crate::deaths::{Death, Subject};
use crate::error::AskError;
use crate::membership::Member;
use crate::observe::{EntityView, KeyRange, Lifecycle, NodeAddress, NodeView};

/// Looks into the cluster from one node: what the console and the terminal views are made of.
pub trait Inspect: Send + Sync + 'static {
    /// This node.
    fn here(&self) -> NodeId;

    /// Every configured node: number, name, admin address.
    fn nodes(&self) -> Vec<NodeAddress>;

    /// How the cluster sees its nodes and what is wanted of them, as far as it is known here: also without a quorum.
    fn members(&self) -> Vec<Member>;

    /// A node's own view of itself, wherever it is.
    fn node(&self, node: NodeId) -> BoxFuture<'static, Result<NodeView, AskError>>;

    /// The truth about one entity from its shard's leader.
    fn entity(&self, address: Address) -> BoxFuture<'static, Result<EntityView, AskError>>;

    /// Ends an entity's incarnation at its shard's leader and folds its state anew; one that was given up is tried again.
    fn restart(&self, address: Address) -> BoxFuture<'static, Result<EntityView, AskError>>;

    /// Watches something, and is ready when it ended.
    fn death(&self, subject: Subject) -> BoxFuture<'static, Result<Death, AskError>>;

    /// Keys in a range, resident or not, sorted; from every shard's leader.
    fn keys(&self, range: KeyRange) -> BoxFuture<'static, Result<Vec<String>, AskError>>;

    /// A node's newest lifecycle records, newest first.
    fn journal(&self, node: NodeId, limit: u32) -> BoxFuture<'static, Result<Vec<Lifecycle>, AskError>>;
}
