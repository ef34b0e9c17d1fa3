//! Messages of an exposure counter.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Timestamp, command, query};

/// Counts one exposure. A member sends it as an effect, so it counts once.
#[command("count.v1")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountExposure {
    /// Time of the exposure.
    pub at: Timestamp,
}

/// Reads the count.
#[query("get.v1", reply = u64)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetExposures {}
