//! The commands and queries of a probe.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{command, query};

/// Writes the register.
#[command("put.v1", reply = Seen)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Put {
    /// The new value.
    pub value: u64,
}

/// Writes the register if it holds `old`.
#[command("cas.v1", reply = Seen)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cas {
    /// The expected value.
    pub old: u64,
    /// The new value.
    pub new: u64,
}

/// Stores bytes, and replaces those stored before. It lets a client choose the size of a probe's state.
#[command("keep.v1", reply = KeptBytes)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keep {
    /// The bytes, at most [`super::KEPT_BYTES_MAX`].
    pub bytes: Vec<u8>,
}

/// Appends to the list.
#[command("append.v1", reply = Appended)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Append {
    /// The value to append.
    pub value: u64,
}

/// Appends to the list, and sends the value to another probe, which appends it exactly once.
#[command("forward.v1", reply = Appended)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forward {
    /// The value to append.
    pub value: u64,
    /// The other probe's key.
    pub to: String,
}

/// Appends a value that another probe forwarded.
#[command("take.v1", reply = Appended)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Take {
    /// The value to append.
    pub value: u64,
}

/// Reads the register.
#[query("get.v1", reply = Seen)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Get {}

/// Reads the list.
#[query("read.v1", reply = List)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Read {}

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
