//! The commands and queries of a permit, and its answer to a waiting holder.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Address, Command, Query};

/// Sets the concurrency limit of the permit. Present holders keep it, even beyond the new limit.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetPermit {
    /// The limit; `None` removes it.
    pub most: Option<u64>,
    /// The user, for people.
    #[serde(default)]
    pub by: String,
}

impl Command for SetPermit {
    const VERB: &'static str = "set.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Requests the permit. The command always succeeds; [`Permitted`] reports a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acquire {
    /// The unique id of the holder.
    pub id: String,
    /// The receiver of the answer: its kind decides [`Permitted`].
    pub owner: Address,
}

impl Command for Acquire {
    const VERB: &'static str = "acquire.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Releases the permit, or cancels the request.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The holder.
    pub id: String,
}

impl Command for Release {
    const VERB: &'static str = "release.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Grants the permit to a holder, or reports why it cannot wait.
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

impl Command for Permitted {
    const VERB: &'static str = "permitted.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Asks for the holders.
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

impl Query for GetPermit {
    const VERB: &'static str = "get.v1";
    type Reply = PermitView;
}
