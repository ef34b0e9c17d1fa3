//! Messages of a flag.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use troupe_runtime::{command, query};

use crate::stored::NamedFields;

/// The client API that evaluates a flag.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// GrowthBook SDKs.
    #[default]
    Growthbook,
    /// Unleash SDKs.
    Unleash,
}

/// Defines the flag.
#[command("define.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefineFlag {
    /// The client API that evaluates it.
    pub door: Door,
    /// The flag in the API's own format: a GrowthBook feature or an Unleash feature. For Unleash, an `{"experiment":
    /// ...}` object is translated into a feature.
    pub definition: NamedFields<Value>,
}

/// The kill switch: a flag that is off is not served. Its definition stays.
#[command("switch.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// Whether it is served.
    pub on: bool,
}

/// Reads the definition.
#[query("get.v1", reply = FlagView)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetFlag {}

/// The answer to [`GetFlag`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct FlagView {
    /// The client API that evaluates it.
    pub door: Door,
    /// Whether it is served.
    pub on: bool,
    /// In the form that clients receive; null if the flag was never defined.
    pub definition: NamedFields<Value>,
}
