//! Kayenta's canary config, as its clients send it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Kayenta's judge, as configs name it.
pub const JUDGE_NAME: &str = "NetflixACAJudge-v1.0";
/// An older name of Kayenta's judge.
pub const OLDER_JUDGE_NAME: &str = "dredd-v1.0";
/// The sequential judge, as configs name it.
pub const SEQUENTIAL_JUDGE_NAME: &str = "troupe-sequential";

/// Metrics of a config.
const METRICS_MAX: usize = 500;

/// The bad direction of a metric.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// An increase is bad.
    Increase,
    /// A decrease is bad.
    Decrease,
    /// Any.
    #[default]
    Either,
}

/// The handling of points without a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NanStrategy {
    /// They are left out.
    #[default]
    Remove,
    /// They are 0.
    Replace,
}

/// The handling of outliers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutlierStrategy {
    /// They stay.
    #[default]
    Keep,
    /// They are left out.
    Remove,
}

/// The definition of outliers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Outliers {
    /// Their handling.
    pub strategy: OutlierStrategy,
    /// Distance from the quartiles in interquartile ranges from which a point is an outlier.
    pub outlier_factor: f64,
}

impl Default for Outliers {
    fn default() -> Self {
        Self { strategy: OutlierStrategy::Keep, outlier_factor: 3.0 }
    }
}

/// How the size of a change is measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Measure {
    /// The canary's mean over the baseline's.
    #[default]
    MeanRatio,
    /// The chance that a point of the canary is above one of the baseline: the common language effect size.
    Cles,
}

/// Allowed changes, and changes that fail the whole canary for a critical metric. Default: 1 for the mean ratio, 0.5 for
/// the common language effect size; both allow no change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct EffectSize {
    /// How it is measured.
    pub measure: Measure,
    /// Least size of an increase that counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_increase: Option<f64>,
    /// Largest size of a decrease that counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_decrease: Option<f64>,
    /// Least size of a critical increase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub critical_increase: Option<f64>,
    /// Largest size of a critical decrease.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub critical_decrease: Option<f64>,
}

impl EffectSize {
    /// Allowed decrease and increase, critical decrease and increase, each with its default.
    #[must_use]
    pub fn thresholds(&self) -> ((f64, f64), (f64, f64)) {
        let none = if self.measure == Measure::Cles { 0.5 } else { 1.0 };
        let or = |threshold: Option<f64>| threshold.unwrap_or(none);
        (
            (or(self.allowed_decrease), or(self.allowed_increase)),
            (or(self.critical_decrease), or(self.critical_increase)),
        )
    }
}

/// The judgement of one metric. An unknown field is refused, so that a misspelt `critical` does not make a metric
/// uncritical.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Analysis {
    /// The bad direction.
    pub direction: Direction,
    /// The handling of points without a value.
    pub nan_strategy: NanStrategy,
    /// The handling of outliers.
    pub outliers: Outliers,
    /// Whether its failure fails the whole canary.
    pub critical: bool,
    /// Whether having no data is a failure.
    pub must_have_data: bool,
    /// Whether it is judged but not counted (muted).
    pub muted: bool,
    /// Changes that are allowed.
    pub effect_size: EffectSize,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Analyses {
    pub(super) canary: Analysis,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// One metric.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Metric {
    /// Its name, unique in the config.
    pub name: String,
    /// How its points are fetched; its `type` names the source.
    pub query: Value,
    /// The groups that it counts in.
    pub groups: Vec<String>,
    pub(super) analysis_configurations: Analyses,
    /// Which of the request's scopes it is fetched from; `default` where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope_name: Option<String>,
}

impl Metric {
    /// How it is judged.
    #[must_use]
    pub fn analysis(&self) -> &Analysis {
        &self.analysis_configurations.canary
    }
}

/// The judge and its options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct JudgeName {
    /// `NetflixACAJudge-v1.0`, `dredd-v1.0` (its older name) or `troupe-sequential`.
    pub name: String,
    /// Its options.
    pub judge_configurations: Value,
}

impl Default for JudgeName {
    fn default() -> Self {
        Self { name: JUDGE_NAME.to_owned(), judge_configurations: Value::Object(Default::default()) }
    }
}

/// Score thresholds of a canary.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// The least score of a pass.
    pub pass: f64,
    /// The least score of a marginal result.
    pub marginal: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { pass: 75.0, marginal: 50.0 }
    }
}

/// Weights of the groups.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Classifier {
    /// In percent; groups without one share the rest.
    pub group_weights: BTreeMap<String, f64>,
    /// Default thresholds of a request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score_thresholds: Option<Thresholds>,
}

/// A canary config.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CanaryConfig {
    /// The config's id; assigned by the server if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Free text.
    pub name: String,
    /// Free text.
    pub description: String,
    /// A number or a text.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub config_version: Value,
    /// The owning applications.
    pub applications: Vec<String>,
    /// The judge.
    pub judge: JudgeName,
    /// The metrics.
    pub metrics: Vec<Metric>,
    /// Query templates by name.
    pub templates: BTreeMap<String, String>,
    /// Weights of the groups.
    pub classifier: Classifier,
    /// Unknown fields, kept and returned unchanged.
    #[serde(flatten)]
    pub rest: BTreeMap<String, Value>,
}

/// A problem of a config or of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The field: `metrics[2].groups[0]`.
    pub path: String,
    /// The problem and the fix.
    pub why: String,
}

impl Problem {
    pub(super) fn new(path: impl Into<String>, why: impl Into<String>) -> Self {
        Self { path: path.into(), why: why.into() }
    }
}

impl CanaryConfig {
    /// The metric of the pair at this index.
    ///
    /// # Errors
    /// No metric of this name exists.
    pub fn named(&self, at: usize, name: &str) -> Result<&Metric, Problem> {
        self.metrics.iter().find(|metric| metric.name == name).ok_or_else(|| {
            let known: Vec<&str> = self.metrics.iter().map(|metric| metric.name.as_str()).take(20).collect();
            let why = format!("no metric {name:?} in the config, which has {}", known.join(", "));
            Problem::new(format!("metricSetPairList[{at}].name"), why)
        })
    }

    /// Every problem of the config.
    #[must_use]
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut say = |path: String, why: String| problems.push(Problem::new(path, why));
        if self.name.len() > 256 {
            say("name".into(), "give at most 256 bytes".into());
        }
        let known = [JUDGE_NAME, OLDER_JUDGE_NAME, SEQUENTIAL_JUDGE_NAME];
        if !known.contains(&self.judge.name.as_str()) {
            say(
                "judge.name".into(),
                format!("no judge {:?}: give one of {}", self.judge.name, known.join(", ")),
            );
        }
        if self.metrics.is_empty() || self.metrics.len() > METRICS_MAX {
            say("metrics".into(), format!("give 1 to {METRICS_MAX}"));
        }
        for (at, metric) in self.metrics.iter().enumerate() {
            metric.validate(&format!("metrics[{at}]"), &mut say);
            if self.metrics[..at].iter().any(|other| other.name == metric.name) {
                say(format!("metrics[{at}].name"), format!("{:?} is there twice", metric.name));
            }
        }
        for (group, weight) in &self.classifier.group_weights {
            let path = format!("classifier.groupWeights.{group}");
            if !(0.0..=100.0).contains(weight) {
                say(path, format!("{weight} is not a percentage: give 0 to 100"));
            } else if !self.metrics.iter().any(|metric| metric.groups.contains(group)) {
                say(
                    path,
                    "no metric is in this group: name it in metrics[].groups, or drop its weight".into(),
                );
            }
        }
        let sum: f64 = self.classifier.group_weights.values().sum();
        if sum > 100.0 + 1e-9 {
            say("classifier.groupWeights".into(), format!("weights sum to {sum}: give 100 or less"));
        }
        if let Some(thresholds) = &self.classifier.score_thresholds {
            thresholds.validate("classifier.scoreThresholds", &mut say);
        }
        problems
    }
}

impl Thresholds {
    /// Adds the problems, under a path.
    pub fn validate(&self, path: &str, say: &mut impl FnMut(String, String)) {
        for (name, score) in [("pass", self.pass), ("marginal", self.marginal)] {
            if !(0.0..=100.0).contains(&score) {
                say(format!("{path}.{name}"), format!("{score} is not a score: give 0 to 100"));
            }
        }
        if self.marginal > self.pass {
            say(format!("{path}.marginal"), format!("{} is above pass, {}", self.marginal, self.pass));
        }
    }
}

impl Metric {
    fn validate(&self, path: &str, say: &mut impl FnMut(String, String)) {
        if self.name.is_empty() || self.name.len() > 256 {
            say(format!("{path}.name"), "give 1 to 256 bytes".into());
        }
        for (at, group) in self.groups.iter().enumerate() {
            if group.is_empty() || self.groups[..at].contains(group) {
                say(format!("{path}.groups[{at}]"), "give each group once, with a name".into());
            }
        }
        let analysis = self.analysis();
        let canary = format!("{path}.analysisConfigurations.canary");
        let factor = analysis.outliers.outlier_factor;
        if !(factor.is_finite() && factor >= 0.0) {
            say(format!("{canary}.outliers.outlierFactor"), format!("{factor}: give 0 or more"));
        }
        let effect = &analysis.effect_size;
        let (most, unit) =
            if effect.measure == Measure::Cles { (1.0, "a chance") } else { (f64::MAX, "a ratio") };
        for (name, size) in [
            ("allowedIncrease", effect.allowed_increase),
            ("allowedDecrease", effect.allowed_decrease),
            ("criticalIncrease", effect.critical_increase),
            ("criticalDecrease", effect.critical_decrease),
        ] {
            if size.is_some_and(|size| !(0.0..=most).contains(&size)) {
                say(format!("{canary}.effectSize.{name}"), format!("give {unit}, 0 or more"));
            }
        }
    }
}
