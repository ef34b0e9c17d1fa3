//! The run of an experiment: the steps of GrowthBook's `run`, in its order.

use std::borrow::Cow;

use serde_json::Value;

use super::bandit::{Bandit, Leaf};
use super::condition::Subject;
use super::context::{Context, Observer};
use super::evaluate::{Evaluation, FEATURES_ASKED_MAX, Met, Way};
use super::experiment::Experiment;
use super::features::Features;
use super::hash::{Seed, hashable};
use super::outcome::{Assigned, NULL};
use super::ranges::{choose_variation, in_range};
use super::sticky::{StickyChange, Stuck, stuck};
use super::url::{match_url, query_string_override};

impl Features {
    /// Runs one of these features' [`Features::experiments`] for a subject.
    pub fn run<'a>(
        &'a self,
        experiment: &'a Experiment,
        context: &Context<'a>,
        observer: &mut impl Observer,
    ) -> Assigned<'a> {
        let mut evaluation = Evaluation { features: self, context, observer, left: FEATURES_ASKED_MAX };
        evaluation.experiment(experiment, None, None, false)
    }
}

/// One experiment for one subject, with the intermediate results.
struct Trial<'a> {
    experiment: &'a Experiment,
    feature: Option<&'a str>,
    attribute: &'a str,
    value: Option<&'a Value>,
    text: Option<Cow<'a, str>>,
    leaf: Option<&'a Leaf>,
    /// Whether this experiment uses sticky assignments.
    sticks: bool,
}

/// The result of the steps before the hash.
enum Step {
    Out,
    /// Excluded, because an assignment of an earlier version is blocked.
    Blocked,
    /// Forced, and not counted as an exposure.
    Forced(i64),
    Hashed {
        variation: usize,
        bucket: f64,
        stuck: bool,
    },
}

impl<'a, O: Observer> Evaluation<'a, '_, O> {
    pub(super) fn experiment(
        &mut self,
        experiment: &'a Experiment,
        feature: Option<&'a str>,
        way: Option<&Way<'_>>,
        condition_asked: bool,
    ) -> Assigned<'a> {
        let trial = self.trial(experiment, feature);
        match self.step(&trial, way, condition_asked) {
            Step::Out => trial.assigned(None, None, false),
            Step::Blocked => trial.assigned(None, None, true),
            Step::Forced(variation) => trial.assigned(usize::try_from(variation).ok(), None, false),
            Step::Hashed { variation, bucket, stuck } => {
                let assigned = trial.assigned(Some(variation), Some(bucket), stuck);
                self.keep(&trial, assigned.key);
                self.observer.exposed(experiment, &assigned);
                assigned
            }
        }
    }

    fn trial(&self, experiment: &'a Experiment, feature: Option<&'a str>) -> Trial<'a> {
        let definition = &experiment.definition;
        let sticks = self.context.sticky.is_some() && definition.disable_sticky_bucketing != Some(true);
        let attributes = self.context.attributes;
        let find = |name: &str| {
            let value = attributes.get(name)?;
            hashable(value).map(|text| (value, text))
        };
        let mut attribute = &*experiment.hash_attribute;
        let mut found = find(attribute);
        let fallback = definition.fallback_attribute.as_deref().filter(|_| sticks);
        if let (None, Some(fallback)) = (&found, fallback) {
            found = find(fallback);
            if found.is_some() {
                attribute = fallback;
            }
        }
        let (value, text) = found.unzip();
        let subject = Subject::Attributes(attributes);
        let leaf = experiment.bandit.as_ref().map(|bandit| bandit.leaf(subject));
        Trial { experiment, feature, attribute, value, text, leaf, sticks }
    }

    fn step(&mut self, trial: &Trial<'a>, way: Option<&Way<'_>>, condition_asked: bool) -> Step {
        let experiment = trial.experiment;
        let definition = &experiment.definition;
        if definition.variations.len() < 2 || !self.context.enabled {
            return Step::Out;
        }
        let page = self.context.url;
        if experiment.targets.as_ref().is_some_and(|targets| !targets.match_page(page.unwrap_or_default())) {
            return Step::Out;
        }
        if let Some(forced) = self.forced(trial) {
            return Step::Forced(forced);
        }
        if definition.active == Some(false) || definition.status.as_deref() == Some("draft") {
            return Step::Out;
        }
        let Some(text) = trial.text.as_deref() else { return Step::Out };
        let stuck = self.stuck(trial);
        let held = match stuck {
            Stuck::Variation(key) => declared(experiment, key),
            _ => None,
        };
        if held.is_none() && self.kept_out(experiment, text, way, condition_asked) {
            return Step::Out;
        }
        if experiment.url.as_ref().is_some_and(|pattern| !match_url(page, pattern)) {
            return Step::Out;
        }
        let Some(bucket) = experiment.seed.as_ref().map(|seed| seed.bucket(text)) else { return Step::Out };
        let ranges = trial.leaf.map_or(&experiment.ranges, |leaf| &leaf.ranges);
        let chosen = held.or_else(|| choose_variation(bucket, ranges));
        if stuck == Stuck::Blocked {
            return Step::Blocked;
        }
        let Some(variation) = chosen else { return Step::Out };
        if let Some(force) = definition.force {
            return Step::Forced(force);
        }
        if self.context.qa_mode || definition.status.as_deref() == Some("stopped") {
            return Step::Out;
        }
        Step::Hashed { variation, bucket, stuck: held.is_some() }
    }

    /// A variation forced by the page's query, by the context, or by a forced cell.
    fn forced(&self, trial: &Trial<'a>) -> Option<i64> {
        let definition = &trial.experiment.definition;
        let by_query = self
            .context
            .url
            .and_then(|page| query_string_override(&definition.key, page, definition.variations.len()))
            .and_then(|variation| i64::try_from(variation).ok());
        let by_hand =
            || self.context.forced_variations.and_then(|forced| forced.get(&definition.key)).copied();
        let by_cell = || {
            let cells = self.context.forced_cells?;
            cells.get(&definition.key, trial.text.as_deref()?).map(i64::from)
        };
        by_query.or_else(by_hand).or_else(by_cell)
    }

    /// Whether layers, the condition or prerequisites exclude a subject.
    fn kept_out(
        &mut self,
        experiment: &Experiment,
        text: &str,
        way: Option<&Way<'_>>,
        condition_asked: bool,
    ) -> bool {
        let outside = if experiment.filters.is_empty() {
            let outside = |(seed, range): &(Seed, _)| !in_range(seed.bucket(text), *range);
            experiment.namespace.as_ref().is_some_and(outside)
        } else {
            self.filtered_out(&experiment.filters)
        };
        let subject = Subject::Attributes(self.context.attributes);
        let condition = experiment.condition.as_ref().filter(|_| !condition_asked);
        outside
            || condition.is_some_and(|condition| !condition.passes(subject))
            || (!experiment.parents.is_empty() && self.met(&experiment.parents, way) != Met::All)
    }

    /// The subject's sticky assignment. Documents of the hash attribute take precedence over those of the fallback.
    fn stuck(&self, trial: &Trial<'a>) -> Stuck<'a> {
        let Some(docs) = self.context.sticky.filter(|_| trial.sticks) else { return Stuck::Nothing };
        let experiment = trial.experiment;
        let doc = |name: &str| {
            let value = self.context.attributes.get(name).and_then(hashable)?;
            docs.get(name, &value)
        };
        let fallback = experiment.definition.fallback_attribute.as_deref().and_then(doc);
        let docs = [doc(&experiment.hash_attribute), fallback];
        let version_min = experiment.definition.min_bucket_version.unwrap_or(0);
        stuck(docs, experiment.key(), &experiment.assignment, version_min)
    }

    /// Reports an assignment to store, unless it is stored already.
    fn keep(&mut self, trial: &Trial<'a>, variation: &str) {
        let (Some(docs), true, Some(text)) = (self.context.sticky, trial.sticks, trial.text.as_deref())
        else {
            return;
        };
        let experiment = &trial.experiment.assignment;
        let kept = docs.get(trial.attribute, text).and_then(|doc| doc.assignments.get(experiment));
        if kept.is_some_and(|kept| kept == variation) {
            return;
        }
        self.observer.stuck(StickyChange {
            attribute_name: trial.attribute.to_owned(),
            attribute_value: text.to_owned(),
            experiment: experiment.clone(),
            variation: variation.to_owned(),
        });
    }
}

/// The variation with this key in the experiment's meta.
fn declared(experiment: &Experiment, key: &str) -> Option<usize> {
    let meta = experiment.definition.meta.as_deref().unwrap_or_default();
    meta.iter().position(|meta| meta.key.as_deref() == Some(key))
}

impl<'a> Trial<'a> {
    /// The assignment of a variation; an unknown variation gives the baseline without an exposure.
    fn assigned(&self, variation: Option<usize>, bucket: Option<f64>, sticky: bool) -> Assigned<'a> {
        let definition = &self.experiment.definition;
        let inside = variation.filter(|variation| *variation < definition.variations.len());
        let variation = inside.unwrap_or(0);
        let meta = definition.meta.as_ref().and_then(|meta| meta.get(variation));
        let hash_used = bucket.is_some();
        let share = |(bandit, leaf): (&'a Bandit, &'a Leaf)| bandit.share(leaf);
        let bandit = self.experiment.bandit.as_ref().zip(self.leaf).filter(|_| hash_used && inside.is_some());
        Assigned {
            feature_id: self.feature,
            in_experiment: inside.is_some(),
            variation_id: variation,
            value: definition.variations.get(variation).unwrap_or(NULL),
            hash_used,
            hash_attribute: self.attribute,
            hash_value: self.value,
            key: self.experiment.keys.get(variation).map_or("", String::as_str),
            bucket,
            name: meta.and_then(|meta| meta.name.as_deref()),
            passthrough: meta.is_some_and(|meta| meta.passthrough == Some(true)),
            sticky_bucket_used: sticky,
            bandit: bandit.map(share),
            weights: self.leaf.map(|leaf| leaf.weights.as_slice()),
        }
    }
}
