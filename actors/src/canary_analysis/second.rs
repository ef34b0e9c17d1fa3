//! The sequential judge of a canary, with its result in Kayenta's form.

use std::sync::OnceLock;

use troupe_statistics::canary::classify::Class;
use troupe_statistics::canary::score::{Counted, score};
use troupe_statistics::canary::sequential;
use troupe_statistics::canary::sequential::{Evidence, Sign, Watch};
use troupe_statistics::canary::{Direction, JudgeResult, MetricPair};

use super::messages::StartCanary;

/// The probability of a false alarm over all metrics and looks.
const ALPHA: f64 = 0.05;

/// The threshold for the p-value of one metric at one look.
fn threshold(started: &StartCanary, counted: usize) -> f64 {
    let looks =
        started.lifetime.as_ref().filter(|life| life.0.lookback_ms > 0).map_or(1, |life| life.0.looks());
    ALPHA / counted.max(1) as f64 / looks as f64
}

/// The least number of pairs that can reach the threshold, if every point of the canary is the greater one.
fn least(threshold: f64) -> u64 {
    static REACHED: OnceLock<Vec<f64>> = OnceLock::new();
    let reached = REACHED.get_or_init(|| {
        let mut watch = Watch::default();
        let p = |_| {
            watch.fold(0.0, 1.0, Direction::Either);
            watch.evidence().p
        };
        (0..64).map(p).collect()
    });
    reached.iter().take_while(|p| **p > threshold).count() as u64 + 1
}

/// Reads the whole window at every look. With a growing window, the result equals a point by point process; with a
/// sliding one, alpha is split between the looks. Returns whether any metric that counts had enough pairs for a
/// judgment.
pub(super) fn judge(started: &StartCanary, pairs: &[MetricPair], result: &mut JudgeResult) -> bool {
    let threshold = threshold(started, result.results.iter().filter(|one| !one.muted).count());
    let least = least(threshold);
    let mut enough = false;
    for (pair, one) in pairs.iter().zip(&mut result.results) {
        let Some(metric) = started.config.0.metrics.iter().find(|metric| metric.name == pair.name) else {
            continue;
        };
        let analysis = metric.analysis();
        let mut watch = Watch::default();
        pair.control.iter().zip(&pair.experiment).for_each(|(b, c)| watch.fold(*b, *c, analysis.direction));
        let evidence = watch.evidence();
        enough |= evidence.pairs >= least && !one.muted;
        one.classification = class(&evidence, threshold, analysis.must_have_data);
        one.critical = analysis.critical && one.classification != Class::Pass;
        one.classification_reason = Some(reason(&evidence, threshold, least));
    }
    let counted: Vec<Counted<'_>> = (result.results.iter().filter(|one| !one.muted))
        .map(|one| Counted {
            name: &one.name,
            groups: &one.groups,
            class: one.classification,
            reason: one.classification_reason.as_deref(),
            critical: one.critical,
        })
        .collect();
    let bad = |one: &&Counted<'_>| {
        matches!(one.class, Class::High | Class::Low | Class::NodataFailMetric) || one.critical
    };
    let failed = counted
        .iter()
        .find(bad)
        .map(|one| format!("Canary Failed: {}: {}", one.name, one.reason.unwrap_or_default()));
    let (groups, mut whole) =
        score(&counted, &started.config.0.classifier.group_weights, started.thresholds.0);
    // One moved metric fails the canary: alpha bounds the probability that any metric errs.
    if failed.is_some() {
        (whole.score, whole.classification_reason) = (0.0, failed);
    } else if whole.classification_reason.is_none() {
        whole.score = 100.0;
    }
    whole.classification = if whole.score > 0.0 { "Pass" } else { "Fail" }.to_owned();
    result.judge_name = sequential::NAME.to_owned();
    (result.group_scores, result.score) = (groups, whole);
    enough
}

fn class(evidence: &Evidence, threshold: f64, must_have_data: bool) -> Class {
    match evidence.sign {
        _ if evidence.pairs == 0 && must_have_data => Class::NodataFailMetric,
        _ if evidence.pairs == 0 => Class::Nodata,
        Some(sign) if evidence.p <= threshold => {
            if sign == Sign::Lower {
                Class::Low
            } else {
                Class::High
            }
        }
        _ => Class::Pass,
    }
}

fn reason(evidence: &Evidence, threshold: f64, least: u64) -> String {
    if evidence.pairs == 0 {
        return "no pair of points".to_owned();
    }
    let sign = match evidence.sign {
        None => "nothing",
        Some(Sign::Higher) => "higher",
        Some(Sign::Lower) => "lower",
        Some(Sign::Wider) => "wider",
        Some(Sign::HeavierTail) => "heaviertail",
    };
    let few = if evidence.pairs < least {
        format!("; {least} pairs are the least for a judgment")
    } else {
        String::new()
    };
    format!("{sign} with p {:.2e} over {} pairs, against {threshold:.1e}{few}", evidence.p, evidence.pairs)
}
