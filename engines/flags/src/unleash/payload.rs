//! The answer of `/api/client/features`. JSON only; unknown fields are ignored.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// The answer of `/api/client/features`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features {
    /// Version of the format; version 2 has segments.
    #[serde(default = "version")]
    pub version: u32,
    /// Every feature of the environment.
    pub features: Vec<Feature>,
    /// Segments, which strategies refer to by id.
    #[serde(default, deserialize_with = "or_default")]
    pub segments: Vec<Segment>,
}

/// One feature of an environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Feature {
    /// The name that clients ask for.
    pub name: String,
    /// `release`, `experiment`, `operational`, `kill-switch` or `permission`; not used in evaluation.
    #[serde(rename = "type", default, deserialize_with = "or_default")]
    pub kind: String,
    /// Description for the console.
    #[serde(default, deserialize_with = "or_default")]
    pub description: String,
    /// `false` turns it off for every context.
    pub enabled: bool,
    /// Whether it may be removed; not used in evaluation.
    #[serde(default, deserialize_with = "or_default")]
    pub stale: bool,
    /// Whether clients emit an event for every evaluation.
    #[serde(default, deserialize_with = "or_default")]
    pub impression_data: bool,
    /// The project it belongs to.
    #[serde(default, deserialize_with = "or_default")]
    pub project: String,
    /// On if one strategy holds, or if the list is empty. Serialised even when empty: UnleashClient 6.9 fails on a feature
    /// without the key.
    #[serde(default, deserialize_with = "or_default")]
    pub strategies: Vec<Strategy>,
    /// Variants for contexts without a variant of the deciding strategy.
    #[serde(default, deserialize_with = "or_default")]
    pub variants: Vec<VariantDefinition>,
    /// Parent features with the required state.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Dependency>,
}

/// An activation strategy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strategy {
    /// `default`, `userWithId`, `flexibleRollout` and so on; an unknown strategy never holds.
    pub name: String,
    /// Its parameters, all of them strings.
    #[serde(default, deserialize_with = "or_default")]
    pub parameters: BTreeMap<String, String>,
    /// Constraints that must all hold.
    #[serde(default, deserialize_with = "or_default")]
    pub constraints: Vec<Constraint>,
    /// Ids of segments that must all hold.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<i64>,
    /// Variants used if this strategy is the first that holds. Their stickiness is the strategy's.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<VariantDefinition>,
}

/// A condition on one field of the context.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Constraint {
    /// `userId`, `sessionId`, `environment`, `appName`, `currentTime`, `remoteAddress` or a property.
    pub context_name: String,
    /// Such as `IN`, `STR_CONTAINS`, `NUM_GT`, `DATE_AFTER`, `SEMVER_EQ`, `IN_CIDR`, `REGEX`.
    pub operator: String,
    /// The operands of `IN`, `NOT_IN`, `STR_…` and `IN_CIDR`.
    #[serde(default, deserialize_with = "or_default")]
    pub values: Vec<String>,
    /// The operand of the other operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Whether the constraint is inverted.
    #[serde(default)]
    pub inverted: bool,
    /// Whether `STR_…` and `REGEX` ignore case.
    #[serde(default)]
    pub case_insensitive: bool,
}

/// Constraints with a name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// The id that strategies refer to.
    pub id: i64,
    /// Description for the console.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// Constraints that must all hold.
    pub constraints: Vec<Constraint>,
}

/// A variant of a feature.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariantDefinition {
    /// The variant's name in the clients.
    pub name: String,
    /// Its weight relative to the sum of all weights.
    pub weight: i64,
    /// `variable` or `fix`; not used in evaluation.
    #[serde(rename = "weightType", default, skip_serializing_if = "Option::is_none")]
    pub weight_type: Option<String>,
    /// The stickiness; for a feature's variants, that of the first variant applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stickiness: Option<String>,
    /// The payload for clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Payload>,
    /// Contexts that see it regardless of the weights.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<Override>,
}

/// The payload of a variant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// `string`, `json`, `csv` or `number`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Always text.
    pub value: String,
}

/// Contexts that see a variant regardless of the weights.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Override {
    /// A field of the context.
    pub context_name: String,
    /// Its values.
    pub values: Vec<String>,
}

/// A parent feature and its required state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// The parent's name. A parent with parents of its own is never satisfied.
    pub feature: String,
    /// Whether it must be on (the default) or off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The accepted variants of the parent; an empty list accepts any.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<String>,
}

fn version() -> u32 {
    2
}

/// Deserialises `null`, which servers send for a missing value, as the default.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}
