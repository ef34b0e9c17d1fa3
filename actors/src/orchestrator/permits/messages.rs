//! What a permit can be told and asked, and what it tells those who wait for it.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Address, Command, Query};

/// Sets how many may hold the permit at once. Those who hold it keep it, be they more.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetPermit {
    /// How many; none takes the bound away.
    pub most: Option<u64>,
    /// Who sets it, for people.
    #[serde(default)]
    pub by: String,
}

impl Command for SetPermit {
    const VERB: &'static str = "set.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Asks for the permit. It is never refused: what cannot be is told by [`Permitted`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acquire {
    /// Names the holder for good.
    pub id: String,
    /// Who is told: its kind decides [`Permitted`].
    pub owner: Address,
}

impl Command for Acquire {
    const VERB: &'static str = "acquire.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Gives the permit back, or waits for it no more.
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

/// Tells a holder that it has the permit, or why it cannot wait for it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permitted {
    /// The tag.
    pub tag: String,
    /// The holder.
    pub id: String,
    /// Why not; empty where it has it.
    pub refused: String,
}

impl Command for Permitted {
    const VERB: &'static str = "permitted.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Asks who holds it.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetPermit {}

/// The answer to [`GetPermit`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct PermitView {
    /// How many may hold it; none where there is no bound.
    pub most: Option<u64>,
    /// Who set that.
    pub by: String,
    /// How many hold it.
    pub held: u64,
    /// How many wait.
    pub waiting: u64,
    /// Some of those who hold it.
    pub holders: Vec<String>,
}

impl Query for GetPermit {
    const VERB: &'static str = "get.v1";
    type Reply = PermitView;
}
