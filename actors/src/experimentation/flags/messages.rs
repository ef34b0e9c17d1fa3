//! What a flag can be told and asked.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use troupe_runtime::{Command, Query};

use crate::stored::NamedFields;

/// Whose clients evaluate it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// GrowthBook's.
    #[default]
    Growthbook,
    /// Unleash's.
    Unleash,
}

/// Defines the flag.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefineFlag {
    /// Whose clients evaluate it.
    pub door: Door,
    /// The flag as the door's clients know it: a GrowthBook feature, an Unleash feature, or for Unleash an
    /// `{"experiment": ...}` that is translated into one.
    pub definition: NamedFields<Value>,
}

impl Command for DefineFlag {
    const VERB: &'static str = "define.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// The kill switch: off, nobody is served the flag; its definition stays.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// Whether it is served.
    pub on: bool,
}

impl Command for Switch {
    const VERB: &'static str = "switch.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Asks for the definition.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetFlag {}

/// The answer to [`GetFlag`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct FlagView {
    /// Whose clients evaluate it.
    pub door: Door,
    /// Whether it is served.
    pub on: bool,
    /// As the clients get it; null if it was never defined.
    pub definition: NamedFields<Value>,
}

impl Query for GetFlag {
    const VERB: &'static str = "get.v1";
    type Reply = FlagView;
}
