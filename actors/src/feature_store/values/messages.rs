//! Messages of a feature entity.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Timestamp, command, query};

/// Adds an interaction. The member sends it as an effect, so it counts once.
#[command("observe.v1")]
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Observe {
    /// Event time.
    pub at: Timestamp,
    /// The interaction's value.
    pub value: Option<f32>,
    /// The member, hashed.
    pub member: u64,
    /// The content, hashed.
    pub content: u64,
}

/// Reads values.
#[query("lookup.v1", reply = LookedUp)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// Names of features; empty for all of the group.
    #[serde(default)]
    pub features: Vec<String>,
    /// End of the windows; default the group's anchor.
    #[serde(default)]
    pub at: Option<Timestamp>,
}

/// Whether a value is present, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// A value is present.
    Present,
    /// The group has no such feature, or no interaction was ever observed.
    NotFound,
    /// Interactions were observed, but all of them before the window.
    OutsideMaxAge,
    /// Interactions were observed, but none of them had a value.
    NullValue,
}

/// One value.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Value {
    /// The number; `None` unless the status is present.
    pub value: Option<f64>,
    /// Whether the number is present, and why not.
    pub status: Status,
    /// Event time of the newest interaction in it.
    pub at: Option<Timestamp>,
}

/// The answer to [`Lookup`], in the order of the query.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct LookedUp {
    /// Names, in order.
    pub names: Vec<String>,
    /// Their values.
    pub values: Vec<Value>,
}
