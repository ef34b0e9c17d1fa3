//! Messages of a content.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Timestamp, command, query};

/// Describes the content.
#[command("describe.v1", repeatable)]
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

/// Counts an interaction. The member sends it as an effect, so it counts once.
#[command("count.v1")]
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// Value of the interaction.
    pub value: Option<f32>,
    /// Event time.
    pub at: Timestamp,
}

/// Reads the whole state.
#[query("get.v1", reply = ContentView)]
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
