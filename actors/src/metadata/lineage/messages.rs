//! What a node of the lineage can be told and asked.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Command, Query, Timestamp};

/// An edge from this node to another, which came of it; the other is told. What is there already stays.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relate {
    /// The other node.
    pub to: String,
    /// How it came of this one, in a word: `produced`, `trained`, `deployed`.
    #[serde(default)]
    pub how: String,
}

impl Command for Relate {
    const VERB: &'static str = "relate.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Tells a node from which other one it came.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linked {
    /// The other node.
    pub from: String,
    /// How this one came of it.
    pub how: String,
}

impl Command for Linked {
    const VERB: &'static str = "linked.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Asks for the edges of the node.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetLineage {}

/// One end of an edge.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Link {
    /// The node at the other end.
    pub node: String,
    /// How the later came of the earlier.
    pub how: String,
    /// When it was said.
    pub at: Timestamp,
}

/// The answer to [`GetLineage`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct LineageView {
    /// What it came of, oldest first.
    pub from: Vec<Link>,
    /// What came of it, oldest first.
    pub to: Vec<Link>,
    /// Edges that were dropped for want of room.
    pub dropped: u64,
}

impl Query for GetLineage {
    const VERB: &'static str = "get.v1";
    type Reply = LineageView;
}
