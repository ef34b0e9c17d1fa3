//! The compiled form of an experiment.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use super::bandit::Bandit;
use super::check::{check_experiment, flaw};
use super::condition::{Condition, Parser, bounded_regex};
use super::hash::Seed;
use super::ranges::{Range, bucket_ranges, namespace_seed};
use super::url::Targets;
use super::wire::{ExperimentDefinition, FilterDefinition, ParentCondition};

/// A compiled experiment: seeds are hashed, ranges computed and conditions compiled.
#[derive(Debug, Clone)]
pub struct Experiment {
    pub(super) definition: ExperimentDefinition,
    /// `None` for an unknown hash version, which includes no subject.
    pub(super) seed: Option<Seed>,
    pub(super) ranges: Vec<Range>,
    pub(super) condition: Option<Condition>,
    pub(super) parents: Vec<Parent>,
    pub(super) filters: Vec<Filter>,
    pub(super) namespace: Option<(Seed, Range)>,
    pub(super) hash_attribute: Box<str>,
    pub(super) keys: Vec<String>,
    /// `experiment__version`.
    pub(super) assignment: String,
    pub(super) bandit: Option<Bandit>,
    pub(super) url: Option<Regex>,
    pub(super) targets: Option<Targets>,
}

/// A compiled prerequisite.
#[derive(Debug, Clone)]
pub(super) struct Parent {
    /// Its index among the features; `None` for an unknown feature.
    pub(super) feature: Option<usize>,
    pub(super) condition: Option<Condition>,
    pub(super) gate: bool,
}

/// A layer's parts.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    pub(super) attribute: Box<str>,
    pub(super) seed: Option<Seed>,
    pub(super) ranges: Vec<Range>,
}

/// Indices of features by key.
pub(super) type Index = BTreeMap<String, usize>;

impl Experiment {
    /// The definition it was compiled from.
    #[must_use]
    pub fn definition(&self) -> &ExperimentDefinition {
        &self.definition
    }

    /// Its key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.definition.key
    }

    /// The keys of its variations, in their order.
    #[must_use]
    pub fn variation_keys(&self) -> &[String] {
        &self.keys
    }

    pub(super) fn new(
        definition: ExperimentDefinition,
        bandit: Option<&Value>,
        index: &Index,
        parser: &mut Parser<'_>,
    ) -> Experiment {
        check_experiment(&definition, parser);
        let variations = definition.variations.len();
        let coverage = definition.coverage.unwrap_or(1.0);
        let weights = definition.weights.as_deref();
        let given = definition.ranges.clone().filter(|ranges| !ranges.is_empty());
        let key = |i: usize| {
            let meta = definition.meta.as_ref().and_then(|meta| meta.get(i));
            meta.and_then(|meta| meta.key.clone()).unwrap_or_else(|| i.to_string())
        };
        let version = definition.hash_version.filter(|version| *version != 0).unwrap_or(1);
        let seed = definition.seed.as_deref().filter(|seed| !seed.is_empty()).unwrap_or(&definition.key);
        Experiment {
            seed: Seed::new(seed, version),
            // Explicit ranges have no shares to report, so the experiment is not a bandit.
            bandit: bandit
                .filter(|_| given.is_none())
                .map(|json| Bandit::new(json, variations, coverage, weights, parser)),
            ranges: given.unwrap_or_else(|| bucket_ranges(variations, coverage, weights)),
            condition: condition(definition.condition.as_ref(), parser),
            parents: parents(definition.parent_conditions.as_deref(), index, parser),
            filters: filters(definition.filters.as_deref(), parser),
            namespace: definition
                .namespace
                .as_ref()
                .and_then(|(name, from, to)| Some((Seed::new(&namespace_seed(name), 1)?, (*from, *to)))),
            hash_attribute: definition.hash_attribute.as_deref().unwrap_or("id").into(),
            keys: (0..variations.max(1)).map(key).collect(),
            assignment: format!("{}__{}", definition.key, definition.bucket_version.unwrap_or(0)),
            url: definition.url.as_deref().and_then(|pattern| url(pattern, parser)),
            targets: definition
                .url_patterns
                .as_deref()
                .map(|targets| parser.at("urlPatterns", |parser| Targets::new(targets, parser))),
            definition,
        }
    }
}

fn url(pattern: &str, parser: &mut Parser<'_>) -> Option<Regex> {
    match bounded_regex(pattern, false) {
        Ok(regex) => Some(regex),
        Err(why) => {
            parser.at("url", |parser| parser.problem(why, "write a regular expression"));
            None
        }
    }
}

/// `None` for an empty condition.
pub(super) fn condition(json: Option<&Value>, parser: &mut Parser<'_>) -> Option<Condition> {
    let json = json.filter(|json| !json.is_null() && json.as_object().is_none_or(|map| !map.is_empty()))?;
    Some(parser.at("condition", |parser| parser.condition(json)))
}

pub(super) fn parents(
    definitions: Option<&[ParentCondition]>,
    index: &Index,
    parser: &mut Parser<'_>,
) -> Vec<Parent> {
    let each = |(i, definition): (usize, &ParentCondition)| {
        parser.at(format!("parentConditions[{i}]"), |parser| {
            let feature = index.get(&definition.id).copied();
            if feature.is_none() {
                let found = format!("the feature {}, which is not there", definition.id);
                parser.problem(found, "name a feature of the payload in id");
            }
            let condition = condition(Some(&definition.condition), parser);
            Parent { feature, condition, gate: definition.gate.unwrap_or(false) }
        })
    };
    definitions.unwrap_or_default().iter().enumerate().map(each).collect()
}

pub(super) fn filters(definitions: Option<&[FilterDefinition]>, parser: &mut Parser<'_>) -> Vec<Filter> {
    let each = |(i, definition): (usize, &FilterDefinition)| {
        let seed =
            Seed::new(&definition.seed, definition.hash_version.filter(|version| *version != 0).unwrap_or(2));
        if seed.is_none() {
            parser.at(format!("filters[{i}].hashVersion"), |parser| {
                parser.problem("an unknown hash version", "use 1 or 2");
            });
        }
        if let Some(found) = definition.ranges.iter().find_map(|range| flaw(&[*range])) {
            parser.at(format!("filters[{i}].ranges"), |parser| {
                parser.problem(found, "give parts of 0..1");
            });
        }
        Filter {
            attribute: definition.attribute.as_deref().unwrap_or("id").into(),
            seed,
            ranges: definition.ranges.clone(),
        }
    };
    definitions.unwrap_or_default().iter().enumerate().map(each).collect()
}
