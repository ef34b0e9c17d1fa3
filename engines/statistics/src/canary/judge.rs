//! `NetflixACAJudge-v1.0`: a whole canary, as Kayenta judges it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::classify::{Class, MannWhitneyClassifier, MetricPolicy};
use super::config::{CanaryConfig, Problem, Thresholds};
use super::score::{Counted, GroupScore, Score, score};
use super::transform::transformed;

pub use super::config::{JUDGE_NAME as NAME, OLDER_JUDGE_NAME as OLDER_NAME};

/// The points of a metric on both sides; NaN for a missing value.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetricPair {
    /// The metric's name in the config.
    pub name: String,
    /// The pair's id.
    pub id: String,
    /// Tags that distinguish pairs of the same metric.
    pub tags: BTreeMap<String, String>,
    /// The baseline's.
    pub control: Vec<f64>,
    /// The canary's.
    pub experiment: Vec<f64>,
}

/// Statistics of the points of one side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation, of a sample.
    pub std: f64,
    /// How many.
    pub count: u64,
}

impl Stats {
    /// Of points without NaN; zeros of none.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        if values.is_empty() {
            return Self::default();
        }
        let mean = super::classify::mean(values);
        let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
        let std = if values.len() > 1 { (squares / (values.len() as f64 - 1.0)).sqrt() } else { 0.0 };
        let min = values.iter().copied().fold(f64::INFINITY, f64::min);
        let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Self { min, max, mean, std, count: values.len() as u64 }
    }
}

/// Kayenta's wrapper of one side's statistics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct SideMetadata {
    /// The stats.
    pub stats: Stats,
}

/// Kayenta's wrapper of the ratio.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ResultMetadata {
    /// The ratio of the means, canary over baseline; null where either is 0.
    pub ratio: Option<f64>,
}

/// The result of one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnalysisResult {
    /// The metric.
    pub name: String,
    /// The pair.
    pub id: String,
    /// Tags that distinguish pairs of the same metric.
    pub tags: BTreeMap<String, String>,
    /// Its class.
    pub classification: Class,
    /// The reason in words.
    pub classification_reason: Option<String>,
    /// The groups that it counts in.
    pub groups: Vec<String>,
    /// The canary's points.
    pub experiment_metadata: SideMetadata,
    /// The baseline's points.
    pub control_metadata: SideMetadata,
    /// The size of the change.
    pub result_metadata: ResultMetadata,
    /// Whether it fails the whole canary.
    pub critical: bool,
    /// Whether it is not counted.
    pub muted: bool,
}

/// The result of a canary.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JudgeResult {
    /// The judge's name.
    pub judge_name: String,
    /// By metric.
    pub results: Vec<AnalysisResult>,
    /// By group.
    pub group_scores: Vec<GroupScore>,
    /// Of the canary.
    pub score: Score,
}

/// Judges a canary. Each pair's metric must be in the config. A metric of the config without a pair is not counted, as in
/// Kayenta. `seed` draws the noise on equal values.
///
/// # Errors
/// The first pair with a metric that is not in the config.
pub fn judge(
    config: &CanaryConfig,
    thresholds: Thresholds,
    pairs: &[MetricPair],
    seed: u64,
) -> Result<JudgeResult, Problem> {
    let mut results = Vec::with_capacity(pairs.len());
    for (at, pair) in pairs.iter().enumerate() {
        let metric = config.named(at, &pair.name)?;
        let analysis = metric.analysis();
        let control = transformed(&pair.control, analysis);
        let experiment = transformed(&pair.experiment, analysis);
        let (allowed, critical) = analysis.effect_size.thresholds();
        let measure = analysis.effect_size.measure;
        let classifier = MannWhitneyClassifier { allowed, critical, measure, ..Default::default() };
        let policy = MetricPolicy {
            direction: analysis.direction,
            nan_strategy: analysis.nan_strategy,
            critical: analysis.critical,
            must_have_data: analysis.must_have_data,
        };
        let classified = classifier.classify(&control, &experiment, policy, seed.wrapping_add(at as u64));
        results.push(AnalysisResult {
            name: pair.name.clone(),
            id: pair.id.clone(),
            tags: pair.tags.clone(),
            classification: classified.class,
            classification_reason: classified.reason,
            groups: metric.groups.clone(),
            experiment_metadata: SideMetadata { stats: Stats::of(&experiment) },
            control_metadata: SideMetadata { stats: Stats::of(&control) },
            result_metadata: ResultMetadata {
                ratio: Some(classified.ratio).filter(|ratio| ratio.is_finite()),
            },
            critical: classified.critical,
            muted: analysis.muted,
        });
    }
    let counted: Vec<Counted<'_>> = (results.iter().filter(|result| !result.muted))
        .map(|result| Counted {
            name: &result.name,
            groups: &result.groups,
            class: result.classification,
            reason: result.classification_reason.as_deref(),
            critical: result.critical,
        })
        .collect();
    let (group_scores, score) = score(&counted, &config.classifier.group_weights, thresholds);
    Ok(JudgeResult { judge_name: NAME.to_owned(), results, group_scores, score })
}
