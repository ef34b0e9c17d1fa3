//! GrowthBook's payload format: JSON with GrowthBook's field names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Refused;

/// Most bytes of a payload.
pub const PAYLOAD_BYTES_MAX: usize = 32 << 20;

/// The decrypted answer of `GET /api/features/{clientKey}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Payload {
    /// Features by their keys.
    pub features: BTreeMap<String, FeatureDefinition>,
    /// Experiments that run on a page without a feature.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub experiments: Vec<ExperimentDefinition>,
    /// Saved groups by id: lists of values, or `{type, values | condition}`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub saved_groups: BTreeMap<String, Value>,
    /// `{banditVersion, contexts: [{leafId, condition, weights}]}` by the names that rules refer to.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub contextual_bandits: BTreeMap<String, Value>,
}

impl Payload {
    /// Parses a payload. A wrong type is refused with the path of its field.
    pub fn parse(json: &str) -> Result<Payload, Refused> {
        if json.len() > PAYLOAD_BYTES_MAX {
            let found = format!("{} bytes", json.len());
            return Err(Refused::new("$", found, format!("send at most {PAYLOAD_BYTES_MAX} bytes")));
        }
        let mut reader = serde_json::Deserializer::from_str(json);
        let payload: Payload = serde_path_to_error::deserialize(&mut reader).map_err(|e| {
            Refused::new(e.path().to_string(), e.inner().to_string(), "send GrowthBook's JSON")
        })?;
        reader.end().map_err(|e| Refused::new("$", e.to_string(), "send one JSON object"))?;
        Ok(payload)
    }
}

/// A feature: its rules in order, and a default value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeatureDefinition {
    /// The value if no rule applies.
    #[serde(default)]
    pub default_value: Value,
    /// The first rule that applies decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Vec<RuleDefinition>>,
}

/// A rule of a feature: a forced value, an experiment, or a bandit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RuleDefinition {
    /// The rule's id in results.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The value of a rule that forces one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force: Option<Value>,
    /// The hash range of a forced value; takes precedence over coverage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<(f64, f64)>,
    /// Exposures of server-side decisions, reported with the forced value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tracks: Vec<Track>,
    /// The values of a bandit's arms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contextual_variations: Option<Vec<Value>>,
    /// The bandit with the leaves that give the weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contextual_bandit_ref: Option<String>,
    /// The values of an experiment's arms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variations: Option<Vec<Value>>,
    /// The experiment's key; default: the feature's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// As in [`ExperimentDefinition`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<Vec<f64>>,
    /// As in [`ExperimentDefinition`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<f64>,
    /// As in [`ExperimentDefinition`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<Value>,
    /// As in [`ExperimentDefinition`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_conditions: Option<Vec<ParentCondition>>,
    /// As in [`ExperimentDefinition`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<(String, f64, f64)>,
    /// As in [`ExperimentDefinition`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ranges: Option<Vec<(f64, f64)>>,
    /// As in [`ExperimentDefinition`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta: Option<Vec<VariationMeta>>,
    /// As in [`ExperimentDefinition`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filters: Option<Vec<FilterDefinition>>,
    /// As in [`ExperimentDefinition`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    /// As in [`ExperimentDefinition`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash_attribute: Option<String>,
    /// As in [`ExperimentDefinition`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_attribute: Option<String>,
    /// As in [`ExperimentDefinition`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash_version: Option<u32>,
    /// As in [`ExperimentDefinition`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// As in [`ExperimentDefinition`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// As in [`ExperimentDefinition`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_sticky_bucketing: Option<bool>,
    /// As in [`ExperimentDefinition`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket_version: Option<u32>,
    /// As in [`ExperimentDefinition`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_bucket_version: Option<u32>,
}

/// An experiment: its subjects, and the share of each variation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExperimentDefinition {
    /// The key of exposures, and the default seed.
    pub key: String,
    /// The values, the baseline first; at least two.
    pub variations: Vec<Value>,
    /// Shares of the variations, which sum to one; otherwise equal shares apply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<Vec<f64>>,
    /// The share of subjects in the experiment, 0 to 1; default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<f64>,
    /// The targeting condition, a [`super::Condition`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<Value>,
    /// Prerequisite features of the experiment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_conditions: Option<Vec<ParentCondition>>,
    /// `(name, from, to)`: the experiment's range of a namespace, disjoint from those of other experiments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<(String, f64, f64)>,
    /// The hash range of each variation; takes precedence over weights and coverage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ranges: Option<Vec<(f64, f64)>>,
    /// Keys and names of the variations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta: Option<Vec<VariationMeta>>,
    /// Layer ranges that must contain the subject; take precedence over the namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filters: Option<Vec<FilterDefinition>>,
    /// The hash seed; default: the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    /// The hashed attribute; default `id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash_attribute: Option<String>,
    /// The hashed attribute if the first is missing and sticky bucketing is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_attribute: Option<String>,
    /// 1 or 2; default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash_version: Option<u32>,
    /// The display name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The phase of the experiment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Whether sticky assignments are neither read nor stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_sticky_bucketing: Option<bool>,
    /// The bucket version; assignments of other versions are ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket_version: Option<u32>,
    /// Subjects with an assignment of an earlier version are excluded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_bucket_version: Option<u32>,
    /// `false` switches it off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// `draft`, `running` or `stopped`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The variation that all included subjects see, without an exposure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force: Option<i64>,
    /// A pattern that the page's URL or path has to match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The targeted pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_patterns: Option<Vec<UrlTarget>>,
    /// Whether a redirect keeps the query of the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persist_query_string: Option<bool>,
    /// Whether it runs only on request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manual: Option<bool>,
}

/// Metadata of a variation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct VariationMeta {
    /// The key in exposures; default: the variation's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether evaluation goes on to the next rule. Holdouts use it for subjects that are not held out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passthrough: Option<bool>,
}

/// A layer range that must contain the subject.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FilterDefinition {
    /// The hashed attribute; default `id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    /// The layer's seed.
    pub seed: String,
    /// 1 or 2; default 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash_version: Option<u32>,
    /// The included ranges.
    pub ranges: Vec<(f64, f64)>,
}

/// A prerequisite feature.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ParentCondition {
    /// The feature's key.
    pub id: String,
    /// A condition on `{"value": …}`.
    #[serde(default)]
    pub condition: Value,
    /// Whether a failure blocks the feature, not only the rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<bool>,
}

/// A targeted or excluded page pattern.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct UrlTarget {
    /// `simple` or `regex`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `false` excludes the pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include: Option<bool>,
    /// A URL with `*`, or a regular expression.
    pub pattern: String,
}

/// An exposure of a server-side decision.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// The experiment, as the server sent it.
    #[serde(default)]
    pub experiment: Value,
    /// The result, as the server sent it.
    #[serde(default)]
    pub result: Value,
}
