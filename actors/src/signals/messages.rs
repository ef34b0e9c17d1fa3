//! What a signal can be told and asked.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Command, Query, Timestamp};

/// Raises the signal; a second time for the same happening changes nothing.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raise {
    /// What happened, as whoever raises it names it: unique among the signal's newest.
    pub id: String,
    /// Who raises it: `monitors/movies`.
    pub from: String,
    /// When it happened.
    pub at: Timestamp,
    /// What is told along: at most 32, of 256 bytes each.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
}

impl Command for Raise {
    const VERB: &'static str = "raise.v1";
    type Reply = Raised;
    const REPEATABLE: bool = true;
}

/// The answer to [`Raise`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Raised {
    /// Whether it had been raised before.
    pub duplicate: bool,
}

/// Asks for the newest.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetSignal {}

/// The answer to [`GetSignal`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct SignalView {
    /// How often it was raised.
    pub raised: u64,
    /// Newest first.
    pub newest: Vec<Raise>,
}

impl Query for GetSignal {
    const VERB: &'static str = "get.v1";
    type Reply = SignalView;
}
