//! The API's answers about the whole cluster.

use serde::Serialize;
use troupe_runtime::membership::Member;
use troupe_runtime::observe::{Lifecycle, NodeView};
use troupe_runtime::{NodeId, Timestamp};

use super::health::Health;
use super::rates::NodeRates;
use super::seen::Seen;
use crate::tree::TreeView;

/// Every configured node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClusterView {
    /// Time of the snapshot.
    pub at: Timestamp,
    /// The node that took the snapshot.
    pub here: NodeId,
    /// Health of the cluster.
    pub health: Health,
    /// The nodes, as configured.
    pub nodes: Vec<Seen<NodeView>>,
    /// Membership and placement state of each node, as known to the node that took the snapshot.
    pub members: Vec<Member>,
    /// Commands and queries per second; only in snapshots of the stream, from the second one on.
    pub rates: Vec<NodeRates>,
}

/// Lifecycle records of all nodes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JournalView {
    /// Newest first.
    pub records: Vec<Lifecycle>,
    /// Nodes with missing records.
    pub missing: Vec<NodeId>,
}

/// One event of the stream.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Snapshot {
    /// Every node.
    pub cluster: ClusterView,
    /// Every node's supervision tree.
    pub tree: Vec<Seen<TreeView>>,
    /// The newest lifecycle records.
    pub journal: JournalView,
}
