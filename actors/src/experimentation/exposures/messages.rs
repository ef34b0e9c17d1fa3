//! Messages of an exposure counter.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Command, Query, Timestamp};

/// Counts one exposure. A member sends it as an effect, so it counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountExposure {
    /// Time of the exposure.
    pub at: Timestamp,
}

impl Command for CountExposure {
    const VERB: &'static str = "count.v1";
    type Reply = ();
}

/// Reads the count.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetExposures {}

impl Query for GetExposures {
    const VERB: &'static str = "get.v1";
    type Reply = u64;
}
