//! Messages of a lineage node.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Timestamp, command, query};

/// Adds an edge from this node to a node derived from it, and informs that node. An existing edge stays.
#[command("relate.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relate {
    /// The derived node.
    pub to: String,
    /// How it was derived, in a word: `produced`, `trained`, `deployed`.
    #[serde(default)]
    pub how: String,
}

/// Informs a node of the node that it was derived from.
#[command("linked.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linked {
    /// The source node.
    pub from: String,
    /// How this node was derived.
    pub how: String,
}

/// Reads the edges of the node.
#[query("get.v1", reply = LineageView)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetLineage {}

/// One end of an edge.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Link {
    /// The node at the other end.
    pub node: String,
    /// How the later node was derived from the earlier.
    pub how: String,
    /// Time when the edge was added.
    pub at: Timestamp,
}

/// The answer to [`GetLineage`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct LineageView {
    /// Nodes that this node was derived from, oldest first.
    pub from: Vec<Link>,
    /// Nodes derived from this node, oldest first.
    pub to: Vec<Link>,
    /// Number of edges dropped at the bound.
    pub dropped: u64,
}
