//! What a registered model can be told and asked.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Command, Query, Timestamp};

use crate::metadata::flows::Created;

/// Registers the name; a second time changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Register {
    /// For people.
    pub description: String,
    /// Values by name, for people.
    pub tags: BTreeMap<String, String>,
}

impl Command for Register {
    const VERB: &'static str = "register.v1";
    type Reply = Created;
    const REPEATABLE: bool = true;
}

/// Changes what people see of the model; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DescribeModel {
    /// For people.
    pub description: Option<String>,
    /// Values to set, by name.
    pub tags: BTreeMap<String, String>,
    /// Names of values to take away.
    pub drop: Vec<String>,
    /// Whether it is put aside, with all its versions.
    pub deleted: Option<bool>,
}

impl Command for DescribeModel {
    const VERB: &'static str = "describe.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Adds a version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AddVersion {
    /// Where its artifact is.
    pub source: String,
    /// The key of the run that it came of.
    pub run: Option<String>,
    /// That run, as the client names it.
    pub run_id: String,
    /// The path of its artifact in that run.
    pub path: String,
    /// For people.
    pub description: String,
    /// Values by name, for people.
    pub tags: BTreeMap<String, String>,
}

impl Command for AddVersion {
    const VERB: &'static str = "add-version.v1";
    type Reply = VersionAdded;
}

/// The answer to [`AddVersion`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct VersionAdded {
    /// Its number.
    pub version: u32,
}

/// Changes what people see of a version; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DescribeVersion {
    /// Its number.
    pub version: u32,
    /// For people.
    pub description: Option<String>,
    /// Values to set, by name.
    pub tags: BTreeMap<String, String>,
    /// Names of values to take away.
    pub drop: Vec<String>,
    /// Takes the version out; its number is not given again.
    pub delete: bool,
}

impl Command for DescribeVersion {
    const VERB: &'static str = "describe-version.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// The value of a version that names its stage; none is no stage.
pub const STAGE: &str = "troupe.stage";

/// Moves a version to another stage, as clients have it that know no aliases.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoveStage {
    /// Its number.
    pub version: u32,
    /// `None`, `Staging`, `Production` or `Archived`, in any case.
    pub stage: String,
    /// Whether the versions that are in that stage are archived.
    pub archive: bool,
}

impl Command for MoveStage {
    const VERB: &'static str = "move-stage.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Points an alias at a version.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetAlias {
    /// The alias.
    pub alias: String,
    /// The version.
    pub version: u32,
}

impl Command for SetAlias {
    const VERB: &'static str = "set-alias.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Takes an alias away; one that is not there is no error.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropAlias {
    /// The alias.
    pub alias: String,
}

impl Command for DropAlias {
    const VERB: &'static str = "drop-alias.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Asks for everything.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetRegistered {}

/// A version, as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct VersionRow {
    /// Its number.
    pub version: u32,
    /// When it was added.
    pub at: Timestamp,
    /// When it last changed.
    pub changed: Timestamp,
    /// As it was added, and described since.
    pub added: AddVersion,
}

/// The answer to [`GetRegistered`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct RegisteredView {
    /// Whether it is there.
    pub known: bool,
    /// When it was registered.
    pub at: Timestamp,
    /// When it last changed.
    pub changed: Timestamp,
    /// For people.
    pub description: String,
    /// Values by name.
    pub tags: BTreeMap<String, String>,
    /// By number.
    pub versions: BTreeMap<u32, VersionRow>,
    /// Versions by alias.
    pub aliases: BTreeMap<String, u32>,
}

impl Query for GetRegistered {
    const VERB: &'static str = "get.v1";
    type Reply = RegisteredView;
}
