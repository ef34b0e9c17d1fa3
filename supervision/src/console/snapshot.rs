//! What the API answers with.

use serde::Serialize;
use troupe_runtime::AskError;
use troupe_runtime::observe::{Lifecycle, NodeAddress, NodeView};
use troupe_runtime::placement::Member;
use troupe_runtime::{NodeId, Timestamp};

use super::health::Health;
use super::rates::NodeRates;
use crate::tree::TreeView;

/// Why something cannot be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unseen {
    /// Stable, for programs.
    pub code: String,
    /// For people.
    pub reason: String,
}

/// The code of a node that was asked for the first time just now.
const ASKING: &str = "ASKING";

impl Unseen {
    /// Asked for the first time, without an answer yet.
    pub(super) fn not_yet() -> Self {
        Self { code: ASKING.to_owned(), reason: "asked, no answer yet".to_owned() }
    }

    pub(super) fn asking(&self) -> bool {
        self.code == ASKING
    }
}

impl From<&AskError> for Unseen {
    fn from(error: &AskError) -> Self {
        Self { code: error.code().to_owned(), reason: error.to_string() }
    }
}

/// What a configured node showed, or why it showed nothing: exactly one of `view` and `unseen` is there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Seen<V> {
    /// Where the node is configured to be.
    #[serde(flatten)]
    pub address: NodeAddress,
    /// What it showed.
    pub view: Option<V>,
    /// Why it showed nothing.
    pub unseen: Option<Unseen>,
}

impl<V> Seen<V> {
    pub(super) fn new(address: NodeAddress, looked: Result<V, Unseen>) -> Self {
        match looked {
            Ok(view) => Self { address, view: Some(view), unseen: None },
            Err(unseen) => Self { address, view: None, unseen: Some(unseen) },
        }
    }
}

/// Every configured node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClusterView {
    /// When this was put together.
    pub at: Timestamp,
    /// The node that looked.
    pub here: NodeId,
    /// In words.
    pub health: Health,
    /// The nodes, as configured.
    pub nodes: Vec<Seen<NodeView>>,
    /// How the cluster sees them and what is wanted of them, as the node that looked knows it.
    pub members: Vec<Member>,
    /// Commands and queries per second; only in snapshots, from the second one on.
    pub rates: Vec<NodeRates>,
}

/// Lifecycle records of all nodes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JournalView {
    /// Newest first.
    pub records: Vec<Lifecycle>,
    /// Nodes whose records are missing.
    pub missing: Vec<NodeId>,
}

/// One event of the stream.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Snapshot {
    /// Every node.
    pub cluster: ClusterView,
    /// Every node's supervision tree.
    pub tree: Vec<Seen<TreeView>>,
    /// What happened lately.
    pub journal: JournalView,
}
