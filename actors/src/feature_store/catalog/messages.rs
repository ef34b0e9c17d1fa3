//! Declarations of feature groups.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Command, Query};

/// Whom a group's values belong to.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntityKey {
    /// The member that interacted.
    Member,
    /// The content interacted with.
    Content,
    /// A circumstance: `device`. Interactions without it are not seen.
    Context(String),
}

/// What is done with what is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// How many.
    Count,
    /// Sum of the values.
    Sum,
    /// Mean of the values.
    Mean,
    /// The smallest value.
    Min,
    /// The largest value.
    Max,
    /// The value that is newest by event time.
    Last,
    /// How many different ones, estimated.
    Distinct,
}

/// What is looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    /// The interaction's value.
    #[default]
    Value,
    /// The member; for `distinct` alone.
    Member,
    /// The content; for `distinct` alone.
    Content,
}

/// Where a window ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Anchor {
    /// At the time of the lookup.
    #[default]
    Now,
    /// At the newest event seen: for streams that replay the past.
    LastEvent,
}

/// One feature.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureSpec {
    /// Its name within the group.
    pub name: String,
    /// What is done.
    pub op: Op,
    /// What is looked at.
    #[serde(default)]
    pub of: Of,
    /// Length of the window in milliseconds of event time; zero for all time.
    #[serde(default)]
    pub window_ms: u64,
}

/// One group.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupSpec {
    /// Its name.
    pub name: String,
    /// Whom its values belong to.
    pub entity: EntityKey,
    /// Types of interactions that it wants; empty for all.
    #[serde(default)]
    pub events: Vec<String>,
    /// Its features.
    pub features: Vec<FeatureSpec>,
    /// Where its windows end.
    #[serde(default)]
    pub anchor: Anchor,
}

/// Declares a group, or changes it. The same declaration twice changes nothing; a change makes a new version, and its
/// values begin anew.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declare {
    /// The group.
    pub group: GroupSpec,
}

/// The answer to [`Declare`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Declared {
    /// The group's version.
    pub version: u32,
}

impl Command for Declare {
    const VERB: &'static str = "declare.v1";
    type Reply = Declared;
    const REPEATABLE: bool = true;
}

/// Ends a group: it sees nothing more, and lookups do not find it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retire {
    /// Its name.
    pub name: String,
}

impl Command for Retire {
    const VERB: &'static str = "retire.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Asks for all groups.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct ListGroups {}

impl Query for ListGroups {
    const VERB: &'static str = "list.v1";
    type Reply = Vec<GroupSpec>;
}
