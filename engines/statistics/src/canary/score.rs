//! From classes to a score: Kayenta's `WeightedSumScorer` and `ThresholdScoreClassifier`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::classify::Class;
use super::config::Thresholds;

/// The share of metrics without data from which a canary is not judged.
const NODATA_SHARE: f64 = 0.5;

/// The counted result of a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Counted<'a> {
    /// Its name, for the reason of a failure.
    pub name: &'a str,
    /// The groups that it counts in.
    pub groups: &'a [String],
    /// Its class.
    pub class: Class,
    /// The reason in words.
    pub reason: Option<&'a str>,
    /// Whether it fails the whole canary.
    pub critical: bool,
}

/// The score of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupScore {
    /// The group.
    pub name: String,
    /// 0 to 100.
    pub score: f64,
    /// The class; `Nodata` for a group without data.
    pub classification: String,
    /// The reason in words.
    pub classification_reason: String,
}

/// The score of the canary.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Score {
    /// 0 to 100.
    pub score: f64,
    /// `Pass`, `Marginal`, `Fail` or `Nodata`.
    pub classification: String,
    /// The reason in words.
    pub classification_reason: Option<String>,
}

/// Scores the groups and the canary. The caller leaves out muted metrics.
#[must_use]
pub fn score(
    counted: &[Counted<'_>],
    weights: &BTreeMap<String, f64>,
    thresholds: Thresholds,
) -> (Vec<GroupScore>, Score) {
    let mut groups: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for metric in counted {
        for group in metric.groups {
            let (passed, judged) = groups.entry(group).or_default();
            match metric.class {
                Class::Pass => (*passed, *judged) = (*passed + 1, *judged + 1),
                Class::High | Class::Low | Class::NodataFailMetric => *judged += 1,
                Class::Nodata | Class::Error => {}
            }
        }
    }
    let given = |group: &str| weights.get(group).copied();
    let sum: f64 = groups.keys().filter_map(|group| given(group)).sum();
    let without = groups.keys().filter(|group| given(group).is_none()).count();
    let rest = (100.0 - sum) / without.max(1) as f64;
    let mut whole = 0.0;
    let mut scores = Vec::with_capacity(groups.len());
    for (group, (passed, judged)) in &groups {
        let weight = given(group).unwrap_or(rest);
        let (score, counts) = match judged {
            0 => (0.0, 100.0),
            judged => {
                let score = 100.0 * f64::from(*passed) / f64::from(*judged);
                (score, score)
            }
        };
        whole += counts * weight / 100.0;
        scores.push(GroupScore {
            name: (*group).to_owned(),
            score,
            classification: if *judged == 0 { "Nodata".to_owned() } else { String::new() },
            classification_reason: String::new(),
        });
    }
    let failed = |reason: String| Score {
        score: 0.0,
        classification: class_of(0.0, thresholds).to_owned(),
        classification_reason: Some(format!("Canary Failed: {reason}")),
    };
    let critical = counted.iter().find(|metric| metric.critical && metric.class != Class::Pass);
    let without = counted.iter().filter(|metric| metric.class == Class::Nodata).count();
    let score = if let Some(metric) = critical {
        let reason =
            metric.reason.map_or_else(|| format!("{} is {:?}", metric.name, metric.class), str::to_owned);
        failed(reason)
    } else if !counted.is_empty() && without as f64 / counted.len() as f64 >= NODATA_SHARE {
        failed("50% or more metrics returned NODATA".to_owned())
    } else {
        let score = (whole * 100.0).round() / 100.0;
        let classification = class_of(score, thresholds).to_owned();
        Score { score, classification, classification_reason: None }
    };
    (scores, score)
}

fn class_of(score: f64, thresholds: Thresholds) -> &'static str {
    match score {
        score if score >= thresholds.pass => "Pass",
        score if score >= thresholds.marginal => "Marginal",
        _ => "Fail",
    }
}
