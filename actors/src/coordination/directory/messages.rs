//! What a directory can be told and asked.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Command, Query, Timestamp};

/// One entity of the kind.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// How it is, in a word or two: `running`, `pass`.
    pub state: String,
    /// What it is about, for people.
    #[serde(default)]
    pub about: String,
    /// The types of event that it wants to hear of.
    #[serde(default)]
    pub topics: Vec<String>,
    /// The share of those events that it wants, 0 to 1.
    #[serde(default)]
    pub share: f32,
    /// When a node is to do something for it.
    #[serde(default)]
    pub due: Option<Timestamp>,
}

/// Adds an entity, or replaces what is known of it.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upsert {
    /// The entity.
    pub entry: Entry,
}

impl Command for Upsert {
    const VERB: &'static str = "enlist.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Takes an entity out.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remove {
    /// Its key.
    pub key: String,
}

impl Command for Remove {
    const VERB: &'static str = "strike.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Asks for all entries.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetDirectory {}

/// The answer to [`GetDirectory`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct DirectoryView {
    /// In the order of their keys.
    pub entries: Vec<Entry>,
}

impl Query for GetDirectory {
    const VERB: &'static str = "get.v1";
    type Reply = DirectoryView;
}
