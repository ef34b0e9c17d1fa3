//! What a probe can be told and asked.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Command, Query};

/// Writes the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Put {
    /// What it holds then.
    pub value: u64,
}

impl Command for Put {
    const VERB: &'static str = "put.v1";
    type Reply = Seen;
}

/// Writes the register if it holds `old`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cas {
    /// What it must hold.
    pub old: u64,
    /// What it holds then.
    pub new: u64,
}

impl Command for Cas {
    const VERB: &'static str = "cas.v1";
    type Reply = Seen;
}

/// Keeps bytes, in the place of those kept before: what a probe weighs is up to whoever asks.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keep {
    /// At most [`super::KEPT_BYTES_MAX`].
    pub bytes: Vec<u8>,
}

impl Command for Keep {
    const VERB: &'static str = "keep.v1";
    type Reply = KeptBytes;
}

/// Appends to the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Append {
    /// What comes last then.
    pub value: u64,
}

impl Command for Append {
    const VERB: &'static str = "append.v1";
    type Reply = Appended;
}

/// Appends to the list, and tells another probe to append the same to its own, once in effect.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forward {
    /// What comes last then.
    pub value: u64,
    /// The other probe's key.
    pub to: String,
}

impl Command for Forward {
    const VERB: &'static str = "forward.v1";
    type Reply = Appended;
}

/// Appends what another probe forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Take {
    /// What comes last then.
    pub value: u64,
}

impl Command for Take {
    const VERB: &'static str = "take.v1";
    type Reply = Appended;
}

/// Asks for the register.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Get {}

impl Query for Get {
    const VERB: &'static str = "get.v1";
    type Reply = Seen;
}

/// Asks for the list.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Read {}

impl Query for Read {
    const VERB: &'static str = "read.v1";
    type Reply = List;
}

/// The register after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Seen {
    /// What it holds; zero at first.
    pub value: u64,
    /// How often it was written.
    pub version: u64,
    /// Whether this call wrote it.
    pub written: bool,
}

/// What a probe keeps after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct KeptBytes {
    /// How many bytes.
    pub length: u64,
}

/// The list after an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Appended {
    /// Its length.
    pub length: u64,
}

/// The list.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct List {
    /// What it holds, oldest first.
    pub values: Vec<u64>,
}
