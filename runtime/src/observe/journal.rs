//! The journal: lifecycle records, and the trait that stores them.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::address::NodeId;
use crate::time::Timestamp;

/// A change in the life of a node, replica, service or entity.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Lifecycle {
    /// When.
    pub at: Timestamp,
    /// On which node.
    pub node: NodeId,
    /// Of what: `shard-7`, `members/42`, `n2`.
    pub subject: String,
    /// `started`, `restarted`, `became_leader`, `fault`, `given_up`, `peer_up`, `peer_down`, ...
    pub change: String,
    /// Why, in words.
    pub reason: String,
}

/// Takes lifecycle records; implemented by supervision's journal.
pub trait Journal: Send + Sync + 'static {
    /// Keeps a record, dropping the oldest at its bound.
    fn record(&self, record: Lifecycle);

    /// The newest records, newest first.
    fn newest(&self, limit: usize) -> Vec<Lifecycle>;
}
