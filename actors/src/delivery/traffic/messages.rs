//! The commands and queries of a model's traffic, and its answer to an owner.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Address, Timestamp, command, query};

use super::split::Split;
use crate::stored::NamedFields;

/// Sets the split.
///
/// Reply: the new revision.
#[command("set.v1", reply = u64, repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetTraffic {
    /// The new holder: a deployment's key, or a person.
    pub by: String,
    /// The split. A production of 0 means the champion at the time of the decision.
    pub split: NamedFields<Split>,
    /// The entity that gets the answer as a [`TrafficSet`]. With an owner the command is never refused, and waits for
    /// its turn if another holder has the traffic.
    #[serde(default)]
    pub owner: Option<Address>,
    /// The owner's id of this request.
    #[serde(default)]
    pub id: String,
}

/// Gives the split back, so that the first in the queue gets the traffic. From another sender, it only leaves the
/// queue.
///
/// Reply: whether the sender held the traffic.
#[command("give-back.v1", reply = bool, repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GiveBack {
    /// The holder, or the waiting delivery.
    pub by: String,
    /// Whether the split stays in force; if false, the champion serves all members at once.
    #[serde(default)]
    pub keep: bool,
    /// The reason, for display.
    #[serde(default)]
    pub why: String,
}

/// The answer to an owner's [`SetTraffic`]. A request that must wait gets a refusal at once, and another answer with
/// its turn.
#[command("traffic-set.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrafficSet {
    /// The owner's id of the request.
    pub id: String,
    /// The split in force, if it was set.
    pub split: NamedFields<Option<Split>>,
    /// The refusal; `None` if the split was set.
    pub refused: Option<String>,
}

/// One change, for display.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The time.
    pub at: Timestamp,
    /// The author.
    pub by: String,
    /// The split after the change; `None` if the champion serves all members.
    pub split: Option<Split>,
    /// The reason; may be empty.
    #[serde(default)]
    pub why: String,
}

/// A delivery that waits for the traffic, with its request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiter {
    /// The deployment's key.
    pub by: String,
    /// The entity that gets the answer.
    pub owner: Address,
    /// The owner's id of this request.
    pub id: String,
    /// The requested split.
    pub split: Split,
    /// Time of the first request.
    pub since: Timestamp,
}

/// Reads the split, its holder, its changes and its queue.
#[query("get.v1", reply = TrafficView)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetTraffic {}

/// The answer to [`GetTraffic`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct TrafficView {
    /// Number of changes.
    pub revision: u64,
    /// The holder.
    pub by: Option<String>,
    /// The split; `None` if the champion serves all members.
    pub split: NamedFields<Option<Split>>,
    /// The newest changes, oldest first.
    pub changes: NamedFields<Vec<Change>>,
    /// The queue, first come first.
    pub waiting: NamedFields<Vec<Waiter>>,
}
