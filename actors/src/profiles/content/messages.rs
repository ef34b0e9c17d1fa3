//! What a content can be told and asked.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Command, Query, Timestamp};

/// Says what the content is.
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

/// Counts an interaction; sent by the member that had it, once in effect.
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// Its value.
    pub value: Option<f32>,
    /// When.
    pub at: Timestamp,
}

impl Command for Count {
    const VERB: &'static str = "count.v1";
    type Reply = ();
}

/// Asks for everything.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetContent {}

/// The answer to [`GetContent`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct ContentView {
    /// Its title; empty when it was never described.
    pub title: String,
    /// Year of release.
    pub year: Option<u16>,
    /// Its genres.
    pub genres: Vec<String>,
    /// Interactions.
    pub interactions: u64,
    /// Sum of their values, and how many had one.
    pub values: (f64, u64),
    /// The newest by event time.
    pub last: Option<Timestamp>,
}

impl Query for GetContent {
    const VERB: &'static str = "get.v1";
    type Reply = ContentView;
}
