//! Messages of a registered model.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Timestamp, command, query};

use crate::metadata::flows::Created;

/// Registers the name; a repeat changes nothing.
#[command("register.v1", reply = Created, repeatable)]
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Register {
    /// Description.
    pub description: String,
    /// Tags by name.
    pub tags: BTreeMap<String, String>,
}

/// Changes the description of the model; absent fields stay.
#[command("describe.v1", repeatable)]
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DescribeModel {
    /// Description.
    pub description: Option<String>,
    /// Tags to set, by name.
    pub tags: BTreeMap<String, String>,
    /// Names of tags to remove.
    pub drop: Vec<String>,
    /// Whether it is marked as deleted, with all its versions.
    pub deleted: Option<bool>,
}

/// Adds a version.
#[command("add-version.v1", reply = VersionAdded)]
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AddVersion {
    /// Location of the artifact.
    pub source: String,
    /// The key of the run that produced the version.
    pub run: Option<String>,
    /// The client's id of that run.
    pub run_id: String,
    /// The path of its artifact in that run.
    pub path: String,
    /// Description.
    pub description: String,
    /// Tags by name.
    pub tags: BTreeMap<String, String>,
}

/// The answer to [`AddVersion`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct VersionAdded {
    /// Its number.
    pub version: u32,
}

/// Changes the description of a version; absent fields stay.
#[command("describe-version.v1", repeatable)]
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DescribeVersion {
    /// Its number.
    pub version: u32,
    /// Description.
    pub description: Option<String>,
    /// Tags to set, by name.
    pub tags: BTreeMap<String, String>,
    /// Names of tags to remove.
    pub drop: Vec<String>,
    /// Whether to delete the version; its number is not assigned again.
    pub delete: bool,
}

/// The tag of a version that holds its stage; without it the version has no stage.
pub const STAGE: &str = "troupe.stage";

/// Moves a version to another stage, for clients that do not know aliases.
#[command("move-stage.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoveStage {
    /// Its number.
    pub version: u32,
    /// `None`, `Staging`, `Production` or `Archived`, case-insensitive.
    pub stage: String,
    /// Whether the versions that are in that stage are archived.
    pub archive: bool,
}

/// Points an alias at a version.
#[command("set-alias.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetAlias {
    /// The alias.
    pub alias: String,
    /// The version.
    pub version: u32,
}

/// Removes an alias; an unknown alias is ignored.
#[command("drop-alias.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropAlias {
    /// The alias.
    pub alias: String,
}

/// Reads the whole state.
#[query("get.v1", reply = RegisteredView)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetRegistered {}

/// A stored version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct VersionRow {
    /// Its number.
    pub version: u32,
    /// Time when it was added.
    pub at: Timestamp,
    /// Time of the last change.
    pub changed: Timestamp,
    /// The version as added, with later descriptions applied.
    pub added: AddVersion,
}

/// The answer to [`GetRegistered`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct RegisteredView {
    /// Whether the model is registered.
    pub known: bool,
    /// Time of registration.
    pub at: Timestamp,
    /// Time of the last change.
    pub changed: Timestamp,
    /// Description.
    pub description: String,
    /// Tags by name.
    pub tags: BTreeMap<String, String>,
    /// Versions by number.
    pub versions: BTreeMap<u32, VersionRow>,
    /// Version numbers by alias.
    pub aliases: BTreeMap<String, u32>,
}
