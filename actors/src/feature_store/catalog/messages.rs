//! Messages of the catalogue: declarations of feature groups.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{command, query};

/// The entity that a group's values belong to.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntityKey {
    /// The member of the interaction.
    Member,
    /// The content of the interaction.
    Content,
    /// A context field: `device`. Interactions without the field are not observed.
    Context(String),
}

/// The aggregation operation of a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Number of interactions.
    Count,
    /// Sum of the values.
    Sum,
    /// Mean of the values.
    Mean,
    /// The smallest value.
    Min,
    /// The largest value.
    Max,
    /// The newest value by event time.
    Last,
    /// Estimated number of distinct sources.
    Distinct,
}

/// The part of an interaction that a feature aggregates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The interaction's value.
    #[default]
    Value,
    /// The member; only with `distinct`.
    Member,
    /// The content; only with `distinct`.
    Content,
}

/// The end of a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Anchor {
    /// The time of the lookup.
    #[default]
    Now,
    /// The newest observed event time: for streams that replay the past.
    LastEvent,
}

/// One feature.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureSpec {
    /// Its name within the group.
    pub name: String,
    /// The aggregation operation.
    pub op: Op,
    /// The part of an interaction that is aggregated.
    #[serde(default)]
    pub of: Source,
    /// Length of the window in milliseconds of event time; 0 for all time.
    #[serde(default)]
    pub window_ms: u64,
}

/// One group.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupSpec {
    /// Its name.
    pub name: String,
    /// The entity that its values belong to.
    pub entity: EntityKey,
    /// Interaction types that the group observes; empty for all.
    #[serde(default)]
    pub events: Vec<String>,
    /// Its features.
    pub features: Vec<FeatureSpec>,
    /// The end of its windows.
    #[serde(default)]
    pub anchor: Anchor,
}

/// Declares or changes a group. A repeat changes nothing; a change increments the version and clears the values.
#[command("declare.v1", reply = Declared, repeatable)]
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

/// Retires a group: it observes no more interactions, and lookups answer `NotFound`.
#[command("retire.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retire {
    /// Its name.
    pub name: String,
}

/// Lists all groups.
#[query("list.v1", reply = Vec<GroupSpec>)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct ListGroups {}
