//! What `/api/client/features` answers, field by field. These are JSON only; unknown fields are passed over.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// The answer of `/api/client/features`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features {
    /// The version of the format: 2 has segments.
    #[serde(default = "version")]
    pub version: u32,
    /// Every feature of the environment.
    pub features: Vec<Feature>,
    /// Constraints that strategies name by id.
    #[serde(default, deserialize_with = "or_default")]
    pub segments: Vec<Segment>,
}

/// One feature of an environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Feature {
    /// The name that clients ask for.
    pub name: String,
    /// `release`, `experiment`, `operational`, `kill-switch` or `permission`; decides nothing.
    #[serde(rename = "type", default, deserialize_with = "or_default")]
    pub kind: String,
    /// For people.
    #[serde(default, deserialize_with = "or_default")]
    pub description: String,
    /// Off for everyone where this is false.
    pub enabled: bool,
    /// Whether people may remove it; decides nothing.
    #[serde(default, deserialize_with = "or_default")]
    pub stale: bool,
    /// Whether clients emit an event for every question.
    #[serde(default, deserialize_with = "or_default")]
    pub impression_data: bool,
    /// The project it belongs to.
    #[serde(default, deserialize_with = "or_default")]
    pub project: String,
    /// On where one of them holds, or where there are none. Written even when empty: UnleashClient 6.9 stops at a
    /// feature without the key.
    #[serde(default, deserialize_with = "or_default")]
    pub strategies: Vec<Strategy>,
    /// Variants for whoever the deciding strategy has none for.
    #[serde(default, deserialize_with = "or_default")]
    pub variants: Vec<VariantDefinition>,
    /// Parents that have to be in a state.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Dependency>,
}

/// A way in which a feature comes on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strategy {
    /// `default`, `userWithId`, `flexibleRollout` and so on; one that is not known is never on.
    pub name: String,
    /// Its options, all of them text.
    #[serde(default, deserialize_with = "or_default")]
    pub parameters: BTreeMap<String, String>,
    /// All of which have to hold.
    #[serde(default, deserialize_with = "or_default")]
    pub constraints: Vec<Constraint>,
    /// Ids of segments, all of which have to hold.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<i64>,
    /// Variants for whom this strategy is the first that holds. Their stickiness is the strategy's.
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
    /// What `IN`, `NOT_IN`, `STR_…` and `IN_CIDR` compare with.
    #[serde(default, deserialize_with = "or_default")]
    pub values: Vec<String>,
    /// What the others compare with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Whether it holds where it otherwise would not.
    #[serde(default)]
    pub inverted: bool,
    /// Whether `STR_…` and `REGEX` pass over upper and lower case.
    #[serde(default)]
    pub case_insensitive: bool,
}

/// Constraints with a name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// What strategies name it by.
    pub id: i64,
    /// For people.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// All of which have to hold.
    pub constraints: Vec<Constraint>,
}

/// One of the things a feature may show.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariantDefinition {
    /// What clients are told.
    pub name: String,
    /// Its share among its siblings' sum.
    pub weight: i64,
    /// `variable` or `fix`; decides nothing.
    #[serde(rename = "weightType", default, skip_serializing_if = "Option::is_none")]
    pub weight_type: Option<String>,
    /// What keeps a subject on a variant; that of the first of a feature's variants counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stickiness: Option<String>,
    /// What clients are handed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Payload>,
    /// Who sees it whatever the weights say.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<Override>,
}

/// What a variant carries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// `string`, `json`, `csv` or `number`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Always text.
    pub value: String,
}

/// Contexts that see a variant whatever the weights say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Override {
    /// A field of the context.
    pub context_name: String,
    /// Its values.
    pub values: Vec<String>,
}

/// A parent and the state it has to be in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// The parent's name. A parent with parents of its own is never satisfied.
    pub feature: String,
    /// Whether it has to be on (the default) or off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Which variants of it will do; any, where there are none.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<String>,
}

fn version() -> u32 {
    2
}

/// Servers write `null` where they have nothing.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}
