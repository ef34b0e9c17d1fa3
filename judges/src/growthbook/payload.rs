//! GrowthBook's payload, read once.

use std::collections::HashMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::bucket::bucket_ranges;
use super::condition::Patterns;

/// A value whose absence and whose null differ.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Takes what fits, and passes over what does not: a client must live with any payload.
fn lenient<'de, D: Deserializer<'de>, T: serde::de::DeserializeOwned + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// Who is in, apart from the experiment's own ranges.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Filter {
    /// By which attribute; `id` if absent.
    pub attribute: Option<String>,
    /// The seed.
    pub seed: String,
    /// The version of the hash; 2 if absent.
    pub hash_version: Option<i64>,
    /// The parts of `0..1` that are in.
    pub ranges: Vec<(f64, f64)>,
}

/// What a variation is called.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Meta {
    /// Its key; its place if absent.
    pub key: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Whether it counts and the rules after it still decide.
    pub passthrough: bool,
}

/// A feature on which another one depends.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ParentCondition {
    /// The feature.
    pub id: String,
    /// What its value must fit, under the name `value`.
    pub condition: Value,
    /// Whether the whole feature is off where it does not, and not just the rule.
    pub gate: bool,
}

/// URLs at which an experiment runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UrlPattern {
    /// Whether it lets in, or keeps out.
    pub include: bool,
    /// `simple`, with `*`, or `regex`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The pattern.
    pub pattern: String,
}

/// An experiment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Experiment {
    /// By which it is known; also the seed, where none is given.
    pub key: String,
    /// What subjects see.
    pub variations: Vec<Value>,
    /// Their shares.
    #[serde(deserialize_with = "lenient")]
    pub weights: Option<Vec<f64>>,
    /// The share of subjects that take part.
    pub coverage: Option<f64>,
    /// The part of `0..1` that each takes, instead of weights and coverage.
    pub ranges: Option<Vec<(f64, f64)>>,
    /// The layer: its name, and the part of it that is this experiment's.
    #[serde(deserialize_with = "lenient")]
    pub namespace: Option<(String, f64, f64)>,
    /// Who takes part, by attributes.
    pub condition: Option<Value>,
    /// Features on which it depends.
    pub parent_conditions: Vec<ParentCondition>,
    /// By which attribute subjects are told apart; `id` if absent.
    pub hash_attribute: Option<String>,
    /// By which they are where they lack that one.
    pub fallback_attribute: Option<String>,
    /// The version of the hash; 1 if absent.
    pub hash_version: Option<i64>,
    /// The seed.
    pub seed: Option<String>,
    /// For people.
    pub name: Option<String>,
    /// For people.
    pub phase: Option<String>,
    /// What variations are called.
    pub meta: Vec<Meta>,
    /// Who takes part, by other hashes.
    pub filters: Option<Vec<Filter>>,
    /// Whether it runs.
    pub active: Option<bool>,
    /// `draft`, `running` or `stopped`.
    pub status: Option<String>,
    /// The variation that all see.
    pub force: Option<i64>,
    /// A regular expression of URLs.
    pub url: Option<String>,
    /// URLs at which it runs.
    pub url_patterns: Vec<UrlPattern>,
    /// Whether a redirect keeps the query.
    pub persist_query_string: bool,
    /// Counts changes after which subjects are placed anew.
    pub bucket_version: i64,
    /// Subjects placed before this one are left out.
    pub min_bucket_version: i64,
    /// Whether subjects are not kept where they were placed.
    pub disable_sticky_bucketing: bool,
    #[serde(skip)]
    pub(super) buckets: Vec<(f64, f64)>,
    /// The bandit that chooses its weights.
    #[serde(skip)]
    pub(super) bandit: Option<String>,
}

/// A rule of a feature: forces a value, or runs an experiment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Rule {
    /// By which it is known.
    pub id: Option<String>,
    /// The value that it forces.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub force: Option<Value>,
    /// The part of `0..1` that is forced.
    pub range: Option<(f64, f64)>,
    /// The experiment's key; the feature's if absent.
    pub key: Option<String>,
    /// The experiment that it runs, without its key; also who is forced.
    #[serde(flatten)]
    pub(super) experiment: RuleExperiment,
}

/// The experiment of a rule.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct RuleExperiment {
    pub(super) variations: Option<Vec<Value>>,
    contextual_variations: Option<Vec<Value>>,
    contextual_bandit_ref: Option<String>,
    #[serde(deserialize_with = "lenient")]
    weights: Option<Vec<f64>>,
    pub(super) coverage: Option<f64>,
    ranges: Option<Vec<(f64, f64)>>,
    #[serde(deserialize_with = "lenient")]
    namespace: Option<(String, f64, f64)>,
    pub(super) condition: Option<Value>,
    pub(super) parent_conditions: Vec<ParentCondition>,
    pub(super) hash_attribute: Option<String>,
    pub(super) fallback_attribute: Option<String>,
    pub(super) hash_version: Option<i64>,
    pub(super) seed: Option<String>,
    name: Option<String>,
    phase: Option<String>,
    meta: Vec<Meta>,
    pub(super) filters: Option<Vec<Filter>>,
    bucket_version: i64,
    min_bucket_version: i64,
    pub(super) disable_sticky_bucketing: bool,
}

impl Rule {
    /// The experiment that it runs under a feature's name.
    fn compiled(&self, feature: &str) -> Option<Experiment> {
        let own = self.experiment.clone();
        let mut experiment = Experiment {
            key: self.key.clone().unwrap_or_else(|| feature.to_owned()),
            variations: own.variations.or(own.contextual_variations)?,
            bandit: own.contextual_bandit_ref,
            weights: own.weights,
            coverage: own.coverage,
            ranges: own.ranges,
            namespace: own.namespace,
            condition: own.condition,
            hash_attribute: own.hash_attribute,
            fallback_attribute: own.fallback_attribute,
            hash_version: own.hash_version,
            seed: own.seed,
            name: own.name,
            phase: own.phase,
            meta: own.meta,
            filters: own.filters,
            bucket_version: own.bucket_version,
            min_bucket_version: own.min_bucket_version,
            disable_sticky_bucketing: own.disable_sticky_bucketing,
            ..Experiment::default()
        };
        experiment.prepare();
        Some(experiment)
    }
}

impl Experiment {
    /// Computes what does not depend on the subject.
    pub fn prepare(&mut self) {
        self.buckets = match &self.ranges {
            Some(ranges) => ranges.clone(),
            None => {
                bucket_ranges(self.variations.len(), self.coverage.unwrap_or(1.0), self.weights.as_deref())
            }
        };
    }
}

/// A feature.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Feature {
    /// Its value where no rule decides.
    pub default_value: Value,
    /// In their order.
    pub rules: Vec<Rule>,
    #[serde(skip)]
    pub(super) experiments: Vec<Option<Experiment>>,
}

/// A payload, read once.
#[derive(Debug, Default)]
pub struct Features {
    pub(super) features: HashMap<String, Feature>,
    pub(super) saved: Option<Map<String, Value>>,
    pub(super) patterns: Patterns,
    pub(super) bandits: HashMap<String, Bandit>,
}

/// Weights by who a subject is.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Bandit {
    pub(super) bandit_version: Option<i64>,
    pub(super) contexts: Vec<BanditLeaf>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct BanditLeaf {
    pub(super) leaf_id: i64,
    pub(super) condition: Value,
    pub(super) weights: Vec<f64>,
}

impl Features {
    /// Reads features and saved groups as a client does: what cannot be read is left out.
    #[must_use]
    pub fn read(features: &Map<String, Value>, saved: Option<&Map<String, Value>>) -> Self {
        let mut read = Self { saved: saved.cloned(), ..Self::default() };
        for (name, value) in features {
            let Ok(mut feature) = serde_json::from_value::<Feature>(value.clone()) else { continue };
            feature.experiments = feature.rules.iter().map(|rule| rule.compiled(name)).collect();
            read.patterns.learn(value);
            read.features.insert(name.clone(), feature);
        }
        read.saved.iter().flatten().for_each(|(_, group)| read.patterns.learn(group));
        read
    }

    /// Adds the bandits of a payload's `contextualBandits`.
    #[must_use]
    pub fn with_bandits(mut self, bandits: &Map<String, Value>) -> Self {
        for (name, value) in bandits {
            self.patterns.learn(value);
            if let Ok(bandit) = serde_json::from_value(value.clone()) {
                self.bandits.insert(name.clone(), bandit);
            }
        }
        self
    }

    /// The features' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.features.keys().map(String::as_str)
    }
}
