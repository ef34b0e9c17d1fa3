//! What placement needs of the node that it runs on.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::config::PlacementConfig;
use crate::address::{NodeId, ShardId};
use crate::entity::Globals;
use crate::inspect::Inspect;
use crate::membership::Cluster;
use crate::node_spec::NodeSpec;
use crate::observe::{Journal, Lifecycle};
use crate::routing::Router;
use crate::shard::Directory;
use crate::time::{Clock, Timestamp};
use crate::transport::Transport;

/// What the reconciler does to its node. The cluster's runtime implements it.
pub(crate) trait NodeControl: Send + Sync + 'static {
    /// Replaces the list of nodes.
    fn set_nodes(&self, nodes: Vec<NodeSpec>);

    /// Stops every local replica that its group has removed.
    fn collect_replicas(&self, cluster: Arc<Cluster>) -> BoxFuture<'static, ()>;

    /// Shards that a peer leads; empty if it does not answer.
    fn led_by(&self, peer: NodeId) -> BoxFuture<'static, Vec<ShardId>>;
}

/// One node, as placement sees it.
#[derive(Clone)]
pub(crate) struct NodeHandle {
    pub(crate) here: NodeId,
    pub(crate) incarnation: u64,
    /// The nodes of the configuration, this one included.
    pub(crate) founders: Vec<NodeSpec>,
    pub(crate) shards: u32,
    pub(crate) config: PlacementConfig,
    pub(crate) clock: Clock,
    pub(crate) globals: Arc<Globals>,
    pub(crate) router: Router,
    pub(crate) directory: Arc<Directory>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) inspect: Arc<dyn Inspect>,
    pub(crate) control: Arc<dyn NodeControl>,
}

impl NodeHandle {
    /// Writes a line to the journal and to the log.
    pub(super) fn note(&self, subject: String, change: &str, reason: String) {
        tracing::info!(subject, change, reason, "lifecycle");
        let (at, node) = (Timestamp::wall(), self.here);
        self.journal.record(Lifecycle { at, node, subject, change: change.to_owned(), reason });
    }
}
