//! GrowthBook's payloads as they are on the wire: JSON, in GrowthBook's own words.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Refused;

/// The most bytes that a payload may have.
pub const PAYLOAD_BYTES_MAX: usize = 32 << 20;

/// What `GET /api/features/{clientKey}` answers, decrypted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Payload {
    /// Features by their keys.
    pub features: BTreeMap<String, FeatureDefinition>,
    /// Experiments that run by themselves on a page.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub experiments: Vec<ExperimentDefinition>,
    /// Lists of values, or `{type, values | condition}`, by their ids.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub saved_groups: BTreeMap<String, Value>,
    /// `{banditVersion, contexts: [{leafId, condition, weights}]}` by the names that rules call.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub contextual_bandits: BTreeMap<String, Value>,
}

impl Payload {
    /// Reads a payload. A type that does not fit is refused with the path of its field.
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

/// A feature: rules in their order, and what holds where none applies.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeatureDefinition {
    /// The value where no rule applies.
    #[serde(default)]
    pub default_value: Value,
    /// The first that applies decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Vec<RuleDefinition>>,
}

/// A rule of a feature: a forced value, an experiment, or a bandit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RuleDefinition {
    /// What results name the rule by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The value of a rule that forces one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force: Option<Value>,
    /// The part of the hash that a forced value is for; goes before coverage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<(f64, f64)>,
    /// Exposures that a server decided, to be reported with the forced value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tracks: Vec<Track>,
    /// The values of a bandit's arms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contextual_variations: Option<Vec<Value>>,
    /// The bandit whose leaves give the weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contextual_bandit_ref: Option<String>,
    /// The values of an experiment's arms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variations: Option<Vec<Value>>,
    /// The experiment's key; the feature's where there is none.
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

/// An experiment: who is in it, and what share of them sees which variation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExperimentDefinition {
    /// What exposures are counted under, and the seed where there is no other.
    pub key: String,
    /// The values, the baseline first. Fewer than two are no experiment.
    pub variations: Vec<Value>,
    /// Shares of the variations, which sum to one; equal where they do not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<Vec<f64>>,
    /// The share of subjects that is in, 0 to 1; 1 where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<f64>,
    /// Who may be in, in the language of [`super::Condition`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<Value>,
    /// Features whose values decide whether one may be in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_conditions: Option<Vec<ParentCondition>>,
    /// `(name, from, to)`: the part of a layer that is this experiment's, apart from the others of the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<(String, f64, f64)>,
    /// The part of the hash of each variation; goes before weights and coverage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ranges: Option<Vec<(f64, f64)>>,
    /// Keys and names of the variations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta: Option<Vec<VariationMeta>>,
    /// Layers of which one has to be in the part; go before the namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filters: Option<Vec<FilterDefinition>>,
    /// What the hash is seeded with; the key where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    /// The attribute that is hashed; `id` where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash_attribute: Option<String>,
    /// The attribute that is hashed where the first is missing and assignments stick.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_attribute: Option<String>,
    /// 1 or 2; 1 where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash_version: Option<u32>,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Which of its runs this is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Whether assignments are neither read nor kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_sticky_bucketing: Option<bool>,
    /// Assignments of other versions are forgotten.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket_version: Option<u32>,
    /// Who was assigned under an earlier version is out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_bucket_version: Option<u32>,
    /// `false` switches it off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// `draft`, `running` or `stopped`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The variation that all who are in see, without being counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force: Option<i64>,
    /// A pattern that the page's URL or path has to match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Pages on which it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_patterns: Option<Vec<UrlTarget>>,
    /// Whether a redirect keeps the query of the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persist_query_string: Option<bool>,
    /// Whether it waits to be asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manual: Option<bool>,
}

/// What is known of a variation beside its value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct VariationMeta {
    /// What exposures name it by; its number where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether who sees it goes on to the next rule: how holdouts let the rest pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passthrough: Option<bool>,
}

/// A layer of which one has to be in the part.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FilterDefinition {
    /// The attribute that is hashed; `id` where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    /// The layer's seed.
    pub seed: String,
    /// 1 or 2; 2 where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash_version: Option<u32>,
    /// The parts that are in.
    pub ranges: Vec<(f64, f64)>,
}

/// A feature whose value decides.
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

/// A page that is, or is not, aimed at.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct UrlTarget {
    /// `simple` or `regex`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `false` shuts the pages out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include: Option<bool>,
    /// A URL with `*`, or a regular expression.
    pub pattern: String,
}

/// An exposure that a server decided.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// The experiment, as the server sent it.
    #[serde(default)]
    pub experiment: Value,
    /// The result, as the server sent it.
    #[serde(default)]
    pub result: Value,
}
