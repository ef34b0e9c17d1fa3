//! Messages of a content.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Command, Query, Timestamp};

/// Describes the content.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Describe {
    /// Its title.
    pub title: String,
    /// Year of release.
    #[serde(default)]
    pub year: Option<u16>,
    /// Its genres.
    #[serde(default)]
    pub genres: Vec<String>,
}

impl Command for Describe {
    const VERB: &'static str = "describe.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Counts an interaction. The member sends it as an effect, so it counts once.
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// Value of the interaction.
    pub value: Option<f32>,
    /// Event time.
    pub at: Timestamp,
}

impl Command for Count {
    const VERB: &'static str = "count.v1";
    type Reply = ();
}

/// Reads the whole state.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetContent {}

/// The answer to [`GetContent`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct ContentView {
    /// Title; empty if it was never described.
    pub title: String,
    /// Year of release.
    pub year: Option<u16>,
    /// Its genres.
    pub genres: Vec<String>,
    /// Number of interactions.
    pub interactions: u64,
    /// Sum of the values, and number of interactions with a value.
    pub values: (f64, u64),
    /// Newest event time.
    pub last: Option<Timestamp>,
}

impl Query for GetContent {
    const VERB: &'static str = "get.v1";
    type Reply = ContentView;
}
