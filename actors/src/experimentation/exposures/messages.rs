//! What a counter of exposures can be told and asked.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Command, Query, Timestamp};

/// Counts one; sent by a member, once in effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountExposure {
    /// When.
    pub at: Timestamp,
}

impl Command for CountExposure {
    const VERB: &'static str = "count.v1";
    type Reply = ();
}

/// Asks for the count.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetExposures {}

impl Query for GetExposures {
    const VERB: &'static str = "get.v1";
    type Reply = u64;
}
