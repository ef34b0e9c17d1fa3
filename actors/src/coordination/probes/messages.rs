//! The commands and queries of a probe.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Command, Query};

/// Writes the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Put {
    /// The new value.
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
    /// The expected value.
    pub old: u64,
    /// The new value.
    pub new: u64,
}

impl Command for Cas {
    const VERB: &'static str = "cas.v1";
    type Reply = Seen;
}

/// Stores bytes, and replaces those stored before. It lets a client choose the size of a probe's state.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keep {
    /// The bytes, at most [`super::KEPT_BYTES_MAX`].
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
    /// The value to append.
    pub value: u64,
}

impl Command for Append {
    const VERB: &'static str = "append.v1";
    type Reply = Appended;
}

/// Appends to the list, and sends the value to another probe, which appends it exactly once.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forward {
    /// The value to append.
    pub value: u64,
    /// The other probe's key.
    pub to: String,
}

impl Command for Forward {
    const VERB: &'static str = "forward.v1";
    type Reply = Appended;
}

/// Appends a value that another probe forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Take {
    /// The value to append.
    pub value: u64,
}

impl Command for Take {
    const VERB: &'static str = "take.v1";
    type Reply = Appended;
}

/// Reads the register.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Get {}

impl Query for Get {
    const VERB: &'static str = "get.v1";
    type Reply = Seen;
}

/// Reads the list.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Read {}

impl Query for Read {
    const VERB: &'static str = "read.v1";
    type Reply = List;
}

/// The register after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Seen {
    /// Its value; 0 at first.
    pub value: u64,
    /// Number of writes.
    pub version: u64,
    /// Whether this call wrote it.
    pub written: bool,
}

/// The stored bytes after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct KeptBytes {
    /// Number of bytes.
    pub length: u64,
}

/// The list after an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Appended {
    /// The length of the list.
    pub length: u64,
}

/// The list.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct List {
    /// The values, oldest first.
    pub values: Vec<u64>,
}
