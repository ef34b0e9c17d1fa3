//! Checks that a service makes and clients do not: invalid weights, overlapping ranges, unknown versions.

use super::condition::Parser;
use super::ranges::{Range, fitting_weights};
use super::wire::{ExperimentDefinition, RuleDefinition};

/// The most variations of an experiment.
const VARIATIONS_MAX: usize = 1_000;

pub(super) fn check_experiment(experiment: &ExperimentDefinition, parser: &mut Parser<'_>) {
    let variations = experiment.variations.len();
    let mut report = |field: &str, found: String, fix: &str| {
        parser.at(field, |parser| parser.problem(found, fix));
    };
    if experiment.key.is_empty() {
        report("key", "an empty key".into(), "name the experiment");
    }
    if !(2..=VARIATIONS_MAX).contains(&variations) {
        report("variations", format!("{variations} variations"), "give 2 to 1000 of them");
    }
    if let Some(weights) = &experiment.weights
        && !fitting_weights(variations, weights)
    {
        let sum: f64 = weights.iter().sum();
        let found = format!("{} weights that sum to {sum} for {variations} variations", weights.len());
        report("weights", found, "give one per variation, none negative, that sum to 1");
    }
    if let Some(meta) = experiment.meta.as_ref().filter(|meta| meta.len() != variations) {
        report("meta", format!("{} of them", meta.len()), "give one per variation");
    }
    if let Some(ranges) = experiment.ranges.as_ref().filter(|ranges| !ranges.is_empty()) {
        if ranges.len() != variations {
            report("ranges", format!("{} ranges", ranges.len()), "give one per variation");
        }
        if let Some(found) = flaw(ranges) {
            report("ranges", found, "give parts of 0..1 that do not overlap");
        }
    }
    if let Some((name, from, to)) = &experiment.namespace
        && let Some(found) = flaw(&[(*from, *to)])
    {
        report("namespace", format!("in {name}, {found}"), "give a part of 0..1");
    }
    if let Some(force) = experiment.force.filter(|n| !usize::try_from(*n).is_ok_and(|n| n < variations)) {
        report("force", force.to_string(), "give the number of a variation, from 0");
    }
    let (least, version) = (experiment.min_bucket_version, experiment.bucket_version.unwrap_or(0));
    if let Some(least) = least.filter(|least| *least > version) {
        // Otherwise an assignment of now is blocked at the next evaluation.
        report("minBucketVersion", least.to_string(), "give at most bucketVersion");
    }
    check_shares(experiment.coverage, experiment.hash_version, parser);
}

/// A rule that forces a value.
pub(super) fn check_forced(rule: &RuleDefinition, parser: &mut Parser<'_>) {
    check_shares(rule.coverage, rule.hash_version, parser);
    if let Some(found) = rule.range.and_then(|range| flaw(&[range])) {
        parser.at("range", |parser| parser.problem(found, "give a part of 0..1"));
    }
}

fn check_shares(coverage: Option<f64>, hash_version: Option<u32>, parser: &mut Parser<'_>) {
    if let Some(coverage) = coverage.filter(|coverage| !(0.0..=1.0).contains(coverage)) {
        parser.at("coverage", |parser| parser.problem(coverage.to_string(), "give a share from 0 to 1"));
    }
    if let Some(version) = hash_version.filter(|version| !matches!(version, 1 | 2)) {
        parser.at("hashVersion", |parser| parser.problem(version.to_string(), "use 1 or 2"));
    }
}

/// The problem of ranges within `0..1`; `None` if they are valid.
pub(super) fn flaw(ranges: &[Range]) -> Option<String> {
    let outside = ranges.iter().find(|(from, to)| !(0.0 <= *from && from <= to && *to <= 1.0));
    if let Some((from, to)) = outside {
        return Some(format!("{from} to {to}"));
    }
    let mut sorted = ranges.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let overlap = sorted.windows(2).find(|pair| pair[1].0 < pair[0].1 && pair[1].0 < pair[1].1);
    overlap.map(|pair| format!("{:?} overlaps {:?}", pair[0], pair[1]))
}
