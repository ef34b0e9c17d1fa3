//! The commands and queries of a directory.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Timestamp, command, query};

/// One entity of the kind.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// Its state, in a word or two: `running`, `pass`.
    pub state: String,
    /// Its subject, for display.
    #[serde(default)]
    pub about: String,
    /// The types of event that it subscribes to.
    #[serde(default)]
    pub topics: Vec<String>,
    /// The share of those events to send to it, 0 to 1.
    #[serde(default)]
    pub share: f32,
    /// Time at which a node must do work for it.
    #[serde(default)]
    pub due: Option<Timestamp>,
}

/// Adds an entity, or replaces its entry.
#[command("enlist.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upsert {
    /// The entity.
    pub entry: Entry,
}

/// Removes an entity.
#[command("strike.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remove {
    /// Its key.
    pub key: String,
}

/// Reads all entries.
#[query("get.v1", reply = DirectoryView)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetDirectory {}

/// The answer to [`GetDirectory`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct DirectoryView {
    /// The entries, in the order of their keys.
    pub entries: Vec<Entry>,
}
