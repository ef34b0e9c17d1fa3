//! What was decided, in GrowthBook's words.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::bandit::BanditShare;
use super::condition::truthy;
use super::experiment::Experiment;

pub(super) const NULL: &Value = &Value::Null;

/// Why a feature has its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// There is no such feature.
    UnknownFeature,
    /// No rule applied.
    DefaultValue,
    /// A rule forced it.
    Force,
    /// An experiment's variation.
    Experiment,
    /// A feature that gates it did not have the value it needs.
    Prerequisite,
    /// Its prerequisites lead back to it, or too deep to be followed.
    CyclicPrerequisite,
}

/// A feature's value for one subject. Serializes as GrowthBook's `FeatureResult`, without the experiment.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FeatureResult<'a> {
    /// The value.
    pub value: &'a Value,
    /// Whether JavaScript takes the value for true.
    pub on: bool,
    /// The contrary.
    pub off: bool,
    /// Why.
    pub source: Source,
    /// The rule that decided, if it has an id.
    pub rule_id: &'a str,
    /// The experiment that decided.
    #[serde(skip)]
    pub experiment: Option<&'a Experiment>,
    /// What it assigned.
    #[serde(rename = "experimentResult", skip_serializing_if = "Option::is_none")]
    pub assigned: Option<Assigned<'a>>,
}

/// What an experiment assigned to one subject. Serializes as GrowthBook's `Result`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Assigned<'a> {
    /// The feature whose rule ran the experiment.
    pub feature_id: Option<&'a str>,
    /// Whether the subject is in; the baseline is shown where it is not.
    pub in_experiment: bool,
    /// The variation, from 0.
    pub variation_id: usize,
    /// The variation's value.
    pub value: &'a Value,
    /// Whether the hash decided, so that the exposure counts.
    pub hash_used: bool,
    /// The attribute that was hashed.
    pub hash_attribute: &'a str,
    /// Its value as it came; an empty text where it is missing.
    #[serde(serialize_with = "or_empty")]
    pub hash_value: Option<&'a Value>,
    /// The variation's key.
    pub key: &'a str,
    /// Where the subject fell in `0..1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<f64>,
    /// The variation's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// Whether the next rule is asked all the same.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub passthrough: bool,
    /// Whether an earlier assignment decided.
    pub sticky_bucket_used: bool,
    /// The bandit's leaf, where the hash decided.
    #[serde(flatten, serialize_with = "bandit")]
    pub bandit: Option<BanditShare<'a>>,
    /// The weights that were in force, where a bandit's leaf replaced the experiment's.
    #[serde(skip)]
    pub weights: Option<&'a [f64]>,
}

impl<'a> FeatureResult<'a> {
    pub(super) fn new(value: &'a Value, source: Source, rule_id: &'a str) -> FeatureResult<'a> {
        let on = truthy(value);
        FeatureResult { value, on, off: !on, source, rule_id, experiment: None, assigned: None }
    }

    pub(super) fn nothing(source: Source) -> FeatureResult<'a> {
        FeatureResult::new(NULL, source, "")
    }
}

fn or_empty<S: Serializer>(value: &Option<&Value>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => value.serialize(serializer),
        None => "".serialize(serializer),
    }
}

fn bandit<S: Serializer>(share: &Option<BanditShare<'_>>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Fields<'a> {
        leaf_id: i64,
        variation_weights: &'a [f64],
        #[serde(skip_serializing_if = "Option::is_none")]
        bandit_version: Option<i64>,
    }
    let fields = share.map(|share| Fields {
        leaf_id: share.leaf,
        variation_weights: share.weights,
        bandit_version: share.version,
    });
    fields.serialize(serializer)
}
