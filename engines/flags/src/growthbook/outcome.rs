//! The results of evaluations, in GrowthBook's terms.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::bandit::BanditShare;
use super::condition::truthy;
use super::experiment::Experiment;

pub(super) const NULL: &Value = &Value::Null;

/// The source of a feature's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// The feature is unknown.
    UnknownFeature,
    /// No rule applied.
    DefaultValue,
    /// A rule forced it.
    Force,
    /// An experiment's variation.
    Experiment,
    /// A gating prerequisite did not have the required value.
    Prerequisite,
    /// Its prerequisites form a cycle or are too deep.
    CyclicPrerequisite,
}

/// A feature's value for one subject. Serializes as GrowthBook's `FeatureResult`, without the experiment.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FeatureResult<'a> {
    /// The value.
    pub value: &'a Value,
    /// Whether the value is truthy in JavaScript.
    pub on: bool,
    /// The negation of `on`.
    pub off: bool,
    /// The source of the value.
    pub source: Source,
    /// The rule that decided, if it has an id.
    pub rule_id: &'a str,
    /// The experiment that decided.
    #[serde(skip)]
    pub experiment: Option<&'a Experiment>,
    /// The assignment of that experiment.
    #[serde(rename = "experimentResult", skip_serializing_if = "Option::is_none")]
    pub assigned: Option<Assigned<'a>>,
}

/// The assignment of one subject by an experiment. Serializes as GrowthBook's `Result`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Assigned<'a> {
    /// The feature with the rule that ran the experiment.
    pub feature_id: Option<&'a str>,
    /// Whether the subject is in the experiment; otherwise it sees the baseline.
    pub in_experiment: bool,
    /// The variation, from 0.
    pub variation_id: usize,
    /// The variation's value.
    pub value: &'a Value,
    /// Whether the hash decided, so that the exposure counts.
    pub hash_used: bool,
    /// The attribute that was hashed.
    pub hash_attribute: &'a str,
    /// The attribute's value; an empty string if it is missing.
    #[serde(serialize_with = "or_empty")]
    pub hash_value: Option<&'a Value>,
    /// The variation's key.
    pub key: &'a str,
    /// The subject's hash in `0..1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<f64>,
    /// The variation's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// Whether evaluation goes on to the next rule.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub passthrough: bool,
    /// Whether a sticky assignment decided.
    pub sticky_bucket_used: bool,
    /// The bandit's leaf, if the hash decided.
    #[serde(flatten, serialize_with = "bandit")]
    pub bandit: Option<BanditShare<'a>>,
    /// The weights of the bandit's leaf, if it replaced the experiment's weights.
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
