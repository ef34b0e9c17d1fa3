//! The commands and queries of a permit, and its answer to a waiting holder.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Address, command, query};

/// Sets the concurrency limit of the permit. Present holders keep it, even beyond the new limit.
#[command("set.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetPermit {
    /// The limit; `None` removes it.
    pub most: Option<u64>,
    /// The user, for people.
    #[serde(default)]
    pub by: String,
}

/// Requests the permit. The command always succeeds; [`Permitted`] reports a refusal.
#[command("acquire.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acquire {
    /// The unique id of the holder.
    pub id: String,
    /// The receiver of the answer: its kind decides [`Permitted`].
    pub owner: Address,
}

/// Releases the permit, or cancels the request.
#[command("release.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The holder.
    pub id: String,
}

/// Grants the permit to a holder, or reports why it cannot wait.
#[command("permitted.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permitted {
    /// The tag.
    pub tag: String,
    /// The holder.
    pub id: String,
    /// The reason of a refusal; empty for a grant.
    pub refused: String,
}

/// Asks for the holders.
#[query("get.v1", reply = PermitView)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetPermit {}

/// The answer to [`GetPermit`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct PermitView {
    /// The concurrency limit; `None` without a limit.
    pub most: Option<u64>,
    /// The user that set the limit.
    pub by: String,
    /// Count of holders.
    pub held: u64,
    /// Count of waiting requests.
    pub waiting: u64,
    /// Up to 100 holders.
    pub holders: Vec<String>,
}
