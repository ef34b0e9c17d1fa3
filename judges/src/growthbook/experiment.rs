//! In which variation of an experiment a subject is.

use std::borrow::Cow;

use serde_json::Value;

use super::bucket::{bucket_ranges, choose, equal_weights, in_namespace, query_override, within};
use super::condition::{Subject, compiled};
use super::evaluate::{Evaluation, Source};
use super::hash::hash;
use super::payload::{Experiment, Filter, UrlPattern};
use super::sticky::{Assignments, Placed, StickyDocument, document_key, placed};
use super::version::number_text;

/// The variation that a subject is in.
#[derive(Debug, Clone, PartialEq)]
pub struct ExperimentResult<'a> {
    /// Its place.
    pub variation: usize,
    /// Whether the subject takes part.
    pub in_experiment: bool,
    /// Whether a hash decided.
    pub hash_used: bool,
    /// By which attribute.
    pub hash_attribute: &'a str,
    /// The attribute's value.
    pub hash_value: String,
    /// What the subject sees; null in an experiment without variations.
    pub value: &'a Value,
    /// What the variation is called.
    pub key: Cow<'a, str>,
    /// Its name.
    pub name: Option<&'a str>,
    /// Where the subject falls in `0..1`.
    pub bucket: Option<f64>,
    /// Whether it counts and the rules after it still decide.
    pub passthrough: bool,
    /// Whether it was placed before.
    pub sticky_used: bool,
    /// The bandit's leaf that chose the weights.
    pub leaf: Option<Leaf>,
    /// The document that keeps it there, where it was placed now.
    pub sticky: Option<StickyDocument>,
}

/// The leaf of a contextual bandit that a subject came to; -1 where none fits and the experiment's own weights hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaf {
    /// Its id.
    pub id: i64,
    /// The weights that it chose.
    pub weights: Vec<f64>,
    /// The bandit's version.
    pub version: Option<i64>,
}

const NULL: &Value = &Value::Null;

pub(super) fn hash_text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) if !text.is_empty() => Some(Cow::Borrowed(text)),
        Value::Number(number) => {
            let number = number.as_f64().filter(|number| *number != 0.0 && number.is_finite())?;
            Some(Cow::Owned(number_text(number)))
        }
        _ => None,
    }
}

impl<'a> Evaluation<'a> {
    /// The attribute that tells subjects apart, and its value; the fallback's where the first has none.
    pub(super) fn hashed(
        &self,
        attribute: &'a str,
        fallback: Option<&'a str>,
    ) -> (&'a str, Option<Cow<'a, str>>) {
        let of = |name: &str| self.attributes.get(name).and_then(hash_text);
        match (of(attribute), fallback) {
            (Some(value), _) => (attribute, Some(value)),
            (None, Some(fallback)) => match of(fallback) {
                Some(value) => (fallback, Some(value)),
                None => (attribute, None),
            },
            (None, None) => (attribute, None),
        }
    }

    pub(super) fn is_filtered_out(&self, filters: &'a [Filter]) -> bool {
        filters.iter().any(|filter| {
            let (_, value) = self.hashed(filter.attribute.as_deref().unwrap_or("id"), None);
            let n = value.and_then(|value| hash(&filter.seed, &value, filter.hash_version.unwrap_or(2)));
            n.is_none_or(|n| !filter.ranges.iter().any(|range| within(n, *range)))
        })
    }

    /// Runs an experiment; [`Experiment::prepare`] it before.
    #[must_use]
    pub fn run(&self, experiment: &'a Experiment) -> ExperimentResult<'a> {
        self.run_for(experiment, &mut Vec::new())
    }

    pub(super) fn run_for(
        &self,
        experiment: &'a Experiment,
        stack: &mut Vec<&'a str>,
    ) -> ExperimentResult<'a> {
        let sticky = self.sticky.filter(|_| !experiment.disable_sticky_bucketing);
        let fallback = sticky.and(experiment.fallback_attribute.as_deref());
        let attribute = experiment.hash_attribute.as_deref().unwrap_or("id");
        let (attribute, value) = self.hashed(attribute, fallback);
        let told = Told { experiment, attribute, value: value.as_deref().unwrap_or_default() };
        if experiment.variations.len() < 2 || !self.enabled || !self.is_at(&experiment.url_patterns) {
            return told.out();
        }
        if let Some(forced) = query_override(&experiment.key, self.url, experiment.variations.len()) {
            return told.result(forced as i64, false, None, false);
        }
        if let Some(forced) =
            self.forced.and_then(|forced| forced.get(&experiment.key)).and_then(Value::as_i64)
        {
            return told.result(forced, false, None, false);
        }
        if experiment.status.as_deref() == Some("draft")
            || experiment.active == Some(false)
            || value.is_none()
        {
            return told.out();
        }
        let own = experiment.hash_attribute.as_deref().unwrap_or("id");
        let known = sticky.map_or(Placed::Nowhere, |documents| {
            let (_, own_value) = self.hashed(own, None);
            let other = fallback.and_then(|name| Some((name, self.hashed(name, None).1?)));
            let other = other.as_ref().map(|(name, value)| (*name, value.as_ref()));
            placed(documents, experiment, (own, own_value.as_deref().unwrap_or_default()), other)
        });
        if !matches!(known, Placed::In(_)) && !self.is_let_in(experiment, told.value, stack) {
            return told.out();
        }
        let version = experiment.hash_version.unwrap_or(1);
        let seed = experiment.seed.as_deref().unwrap_or(&experiment.key);
        let Some(n) = hash(seed, told.value, version) else { return told.out() };
        let leaf = self.leaf(experiment);
        let leaned;
        let buckets = match &leaf {
            Some(leaf) => {
                let (variations, coverage) =
                    (experiment.variations.len(), experiment.coverage.unwrap_or(1.0));
                leaned = bucket_ranges(variations, coverage, Some(&leaf.weights));
                &leaned
            }
            None => &experiment.buckets,
        };
        let assigned = match known {
            Placed::Blocked => return told.result(-1, false, None, true),
            Placed::In(variation) => Some(variation),
            Placed::Nowhere => choose(n, buckets),
        };
        let Some(assigned) = assigned else { return told.out() };
        if let Some(force) = experiment.force {
            return told.result(force, false, None, false);
        }
        if self.qa || experiment.status.as_deref() == Some("stopped") {
            return told.out();
        }
        let mut result = told.result(assigned as i64, true, Some(n), known != Placed::Nowhere);
        result.leaf = leaf;
        result.sticky = sticky.and_then(|documents| kept(documents, experiment, &result));
        result
    }

    fn leaf(&self, experiment: &Experiment) -> Option<Leaf> {
        let bandit = self.features.bandits.get(experiment.bandit.as_ref()?)?;
        let (groups, subject) = (self.groups(), Subject::Attributes(self.attributes));
        let leaf = bandit.contexts.iter().find(|leaf| groups.fits(subject, &leaf.condition));
        let version = bandit.bandit_version;
        Some(match leaf {
            Some(leaf) => Leaf { id: leaf.leaf_id, weights: leaf.weights.clone(), version },
            None => {
                let own = experiment.weights.clone();
                let weights = own.unwrap_or_else(|| equal_weights(experiment.variations.len()));
                Leaf { id: -1, weights, version }
            }
        })
    }

    /// Everything that keeps out subjects who were not placed before.
    fn is_let_in(&self, experiment: &'a Experiment, value: &str, stack: &mut Vec<&'a str>) -> bool {
        match (&experiment.filters, &experiment.namespace) {
            (Some(filters), _) if self.is_filtered_out(filters) => return false,
            (None, Some((id, from, to))) if !in_namespace(value, (id, *from, *to)) => return false,
            _ => {}
        }
        let groups = self.groups();
        if experiment
            .condition
            .as_ref()
            .is_some_and(|c| !groups.fits(Subject::Attributes(self.attributes), c))
        {
            return false;
        }
        let parents = experiment.parent_conditions.iter().all(|parent| {
            let found = self.feature_for(&parent.id, stack);
            found.source != Source::CyclicPrerequisite
                && groups.fits(Subject::Wrapped(found.value), &parent.condition)
        });
        parents && experiment.url.as_ref().is_none_or(|pattern| self.is_at_regex(pattern))
    }

    fn is_at_regex(&self, pattern: &str) -> bool {
        if self.url.is_empty() {
            return false;
        }
        let Some(pattern) = compiled(pattern, false) else { return true };
        let path = self.url.split_once("://").map_or(self.url, |(_, rest)| rest);
        let path = path.find('/').map_or(path, |at| &path[at..]);
        pattern.is_match(self.url) || pattern.is_match(path)
    }

    fn is_at(&self, patterns: &[UrlPattern]) -> bool {
        if patterns.is_empty() {
            return true;
        }
        let mut let_in = !patterns.iter().any(|pattern| pattern.include);
        for pattern in patterns {
            if super::redirect::matches(self.url, pattern) {
                if !pattern.include {
                    return false;
                }
                let_in = true;
            }
        }
        let_in
    }
}

/// The document that keeps a subject where it was placed; none if it is kept there already.
fn kept(
    documents: &Assignments,
    experiment: &Experiment,
    result: &ExperimentResult<'_>,
) -> Option<StickyDocument> {
    let known = documents.get(&document_key(result.hash_attribute, &result.hash_value));
    let mut document = known.cloned().unwrap_or_else(|| StickyDocument {
        attribute_name: result.hash_attribute.to_owned(),
        attribute_value: result.hash_value.clone(),
        ..StickyDocument::default()
    });
    let id = format!("{}__{}", experiment.key, experiment.bucket_version);
    let before = document.assignments.insert(id, result.key.clone().into_owned());
    (before.as_deref() != Some(result.key.as_ref())).then_some(document)
}

struct Told<'a, 'v> {
    experiment: &'a Experiment,
    attribute: &'a str,
    value: &'v str,
}

impl<'a> Told<'a, '_> {
    fn out(&self) -> ExperimentResult<'a> {
        self.result(-1, false, None, false)
    }

    fn result(
        &self,
        variation: i64,
        hash_used: bool,
        bucket: Option<f64>,
        sticky_used: bool,
    ) -> ExperimentResult<'a> {
        let place = usize::try_from(variation).ok().filter(|place| *place < self.experiment.variations.len());
        let variation = place.unwrap_or(0);
        let meta = self.experiment.meta.get(variation);
        ExperimentResult {
            variation,
            in_experiment: place.is_some(),
            hash_used,
            hash_attribute: self.attribute,
            hash_value: self.value.to_owned(),
            value: self.experiment.variations.get(variation).unwrap_or(NULL),
            key: match meta.and_then(|meta| meta.key.as_deref()) {
                Some(key) if !key.is_empty() => Cow::Borrowed(key),
                _ => Cow::Owned(variation.to_string()),
            },
            name: meta.and_then(|meta| meta.name.as_deref()),
            bucket,
            passthrough: meta.is_some_and(|meta| meta.passthrough),
            sticky_used,
            leaf: None,
            sticky: None,
        }
    }
}
