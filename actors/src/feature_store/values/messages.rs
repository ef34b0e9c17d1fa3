//! What a feature entity can be told and asked.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Command, Query, Timestamp};

/// Shows it an interaction; sent by the member that had it, once in effect.
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

impl Command for Observe {
    const VERB: &'static str = "observe.v1";
    type Reply = ();
}

/// Asks for values.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// Names of features; empty for all of the group.
    #[serde(default)]
    pub features: Vec<String>,
    /// Where windows end; the group's anchor when absent.
    #[serde(default)]
    pub at: Option<Timestamp>,
}

/// Whether there is a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// There is.
    Present,
    /// The group has no such feature, or nothing was ever seen.
    NotFound,
    /// Something was seen, but nothing within the window.
    OutsideMaxAge,
    /// Interactions were seen, but none had a value.
    NullValue,
}

/// One value.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Value {
    /// The number; none unless present.
    pub value: Option<f64>,
    /// Whether there is one, and why not.
    pub status: Status,
    /// The newest interaction in it.
    pub at: Option<Timestamp>,
}

/// The answer to [`Lookup`]: values in the order asked for.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct LookedUp {
    /// Names, in order.
    pub names: Vec<String>,
    /// Their values.
    pub values: Vec<Value>,
}

impl Query for Lookup {
    const VERB: &'static str = "lookup.v1";
    type Reply = LookedUp;
}
