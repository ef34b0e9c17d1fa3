//! The journal: lifecycle records, and the trait that stores them.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::address::NodeId;
use crate::time::Timestamp;

/// A change in the life of a node, replica, service or entity.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Lifecycle {
    /// When it happened.
    pub at: Timestamp,
    /// The node.
    pub node: NodeId,
    /// The subject: `shard-7`, `members/42`, `n2`.
    pub subject: String,
    /// `started`, `restarted`, `became_leader`, `fault`, `given_up`, `peer_up`, `peer_down`, ...
    pub change: String,
    /// The reason as text.
    pub reason: String,
}

/// Stores lifecycle records; implemented by the supervision crate.
pub trait Journal: Send + Sync + 'static {
    /// Stores a record; drops the oldest at the bound.
    fn record(&self, record: Lifecycle);

    /// The newest records, newest first.
    fn newest(&self, limit: usize) -> Vec<Lifecycle>;
}
