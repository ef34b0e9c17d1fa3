//! The compiled form of a payload: features and experiments.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::check::check_forced;
use super::condition::{Condition, Dialect, Parser};
use super::experiment::{Experiment, Filter, Index, Parent, condition, filters, parents};
use super::hash::{Seed, hashable};
use super::prerequisites::note_circles;
use super::ranges::Range;
use super::wire::{ExperimentDefinition, FeatureDefinition, Payload, RuleDefinition, Track};
use super::{Refused, StickyDocs};

/// The features and experiments of a payload. Compiled once, evaluated often, shared between threads.
#[derive(Debug, Clone)]
pub struct Features {
    pub(super) dialect: Dialect,
    pub(super) features: Vec<Feature>,
    pub(super) index: Index,
    experiments: Vec<Experiment>,
}

/// A feature's index, which saves the lookup by key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeatureAt(pub(super) usize);

#[derive(Debug, Clone)]
pub(super) struct Feature {
    pub(super) key: Box<str>,
    pub(super) default: Value,
    pub(super) rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) id: Box<str>,
    pub(super) parents: Vec<Parent>,
    pub(super) condition: Option<Condition>,
    pub(super) filters: Vec<Filter>,
    pub(super) effect: Effect,
}

#[derive(Debug, Clone)]
pub(super) enum Effect {
    Force {
        value: Value,
        rollout: Option<Rollout>,
        tracks: Vec<Track>,
    },
    Experiment(Box<Experiment>),
    /// Neither, which clients skip.
    Nothing,
}

/// The subjects of a forced value.
#[derive(Debug, Clone)]
pub(super) struct Rollout {
    pub(super) seed: Option<Seed>,
    pub(super) attribute: Box<str>,
    pub(super) fallback: Option<Box<str>>,
    pub(super) sticky: bool,
    pub(super) share: Share,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Share {
    Range(Range),
    Coverage(f64),
}

impl Features {
    /// Parses and compiles a payload. Refuses the first part that clients would coerce or skip.
    pub fn compile(json: &str, dialect: Dialect) -> Result<Features, Refused> {
        let (features, problems) = build(Payload::parse(json)?, dialect)?;
        problems.into_iter().next().map_or(Ok(features), Err)
    }

    /// Parses and compiles a payload as clients do: invalid parts are coerced or skipped. Refuses only malformed JSON and
    /// a payload beyond the limits.
    pub fn lenient(json: &str, dialect: Dialect) -> Result<Features, Refused> {
        Features::lenient_from(Payload::parse(json)?, dialect)
    }

    /// As [`Features::lenient`], for a parsed payload.
    pub fn lenient_from(payload: Payload, dialect: Dialect) -> Result<Features, Refused> {
        build(payload, dialect).map(|(features, _)| features)
    }

    /// The client dialect of these features.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The index of a feature.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<FeatureAt> {
        self.index.get(key).copied().map(FeatureAt)
    }

    /// The keys of all features.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.features.iter().map(|feature| &*feature.key)
    }

    /// The experiments outside of rules, in order.
    #[must_use]
    pub fn experiments(&self) -> &[Experiment] {
        &self.experiments
    }

    /// All experiments: those of rules and those outside of rules.
    pub fn all_experiments(&self) -> impl Iterator<Item = &Experiment> {
        let of_rules = self.features.iter().flat_map(|feature| &feature.rules);
        let of_rules = of_rules.filter_map(|rule| match &rule.effect {
            Effect::Experiment(experiment) => Some(&**experiment),
            _ => None,
        });
        of_rules.chain(&self.experiments)
    }

    /// The keys of a subject's sticky documents: hash attributes and their values.
    #[must_use]
    pub fn sticky_attributes(&self, attributes: &Map<String, Value>) -> BTreeMap<String, String> {
        let names = self.all_experiments().flat_map(|experiment| {
            let fallback = experiment.definition.fallback_attribute.as_deref();
            [Some(&*experiment.hash_attribute), fallback]
        });
        let valued = names.flatten().filter_map(|name| {
            let value = attributes.get(name).and_then(hashable)?;
            Some((name.to_owned(), value.into_owned()))
        });
        valued.collect()
    }

    /// The subject's own documents among those given.
    #[must_use]
    pub fn own_docs(&self, attributes: &Map<String, Value>, docs: &StickyDocs) -> StickyDocs {
        let own = self.sticky_attributes(attributes);
        StickyDocs::new(own.iter().filter_map(|(name, value)| docs.get(name, value)).cloned())
    }
}

/// Every problem of a payload that clients would coerce or skip, at most a hundred, with paths and fixes. A service should
/// accept a payload only if the list is empty.
#[must_use]
pub fn validate(payload: Payload, dialect: Dialect) -> Vec<Refused> {
    match build(payload, dialect) {
        Ok((_, problems)) => problems,
        Err(excess) => vec![excess],
    }
}

fn build(payload: Payload, dialect: Dialect) -> Result<(Features, Vec<Refused>), Refused> {
    let Payload { features, experiments, saved_groups, contextual_bandits } = payload;
    let index: Index = features.keys().cloned().enumerate().map(|(i, key)| (key, i)).collect();
    let mut builder =
        Builder { parser: Parser::new(dialect, &saved_groups), index: &index, bandits: &contextual_bandits };
    let features: Vec<Feature> =
        features.into_iter().map(|(key, definition)| builder.feature(&key, definition)).collect();
    let experiments = experiments.into_iter().enumerate().map(|(i, definition)| {
        let index = builder.index;
        builder
            .parser
            .at(format!("experiments[{i}]"), |parser| Experiment::new(definition, None, index, parser))
    });
    let experiments = experiments.collect();
    note_circles(&features, &mut builder.parser);
    let (excess, problems) = builder.parser.finish();
    match excess {
        Some(excess) => Err(excess),
        None => Ok((Features { dialect, features, index, experiments }, problems)),
    }
}

struct Builder<'b> {
    parser: Parser<'b>,
    index: &'b Index,
    bandits: &'b BTreeMap<String, Value>,
}

impl Builder<'_> {
    fn feature(&mut self, key: &str, definition: FeatureDefinition) -> Feature {
        let (index, bandits) = (self.index, self.bandits);
        let rules = definition.rules.unwrap_or_default().into_iter().enumerate().map(|(i, rule)| {
            self.parser.at(format!("features.{key}.rules[{i}]"), |parser| {
                Rule::new(key, rule, index, bandits, parser)
            })
        });
        Feature { rules: rules.collect(), key: key.into(), default: definition.default_value }
    }
}

impl Rule {
    fn new(
        feature: &str,
        mut rule: RuleDefinition,
        index: &Index,
        bandits: &BTreeMap<String, Value>,
        parser: &mut Parser<'_>,
    ) -> Rule {
        let id = rule.id.take().unwrap_or_default().into();
        let parents = parents(rule.parent_conditions.as_deref(), index, parser);
        let filters = filters(rule.filters.as_deref(), parser);
        let mut own = condition(rule.condition.as_ref(), parser);
        let effect = if let Some(value) = rule.force.take() {
            check_forced(&rule, parser);
            Effect::Force { value, rollout: rollout(feature, &rule), tracks: rule.tracks }
        } else if rule.variations.is_some() || rule.contextual_variations.is_some() {
            let reference = rule.contextual_bandit_ref.take().filter(|name| !name.is_empty());
            let bandit = reference.as_ref().and_then(|name| bandits.get(name));
            if reference.is_some() && bandit.is_none() {
                parser.at("contextualBanditRef", |parser| {
                    parser.problem("a bandit that is not there", "name one of contextualBandits");
                });
            }
            let experiment = Experiment::new(inline(feature, rule), bandit, index, parser);
            if parser.dialect() == Dialect::Spec08 {
                // The experiment checks it, except for a subject with a sticky assignment.
                own = None;
            }
            Effect::Experiment(Box::new(experiment))
        } else {
            if parents.is_empty() {
                parser.problem("a rule that does nothing", "give it force, variations or parentConditions");
            }
            Effect::Nothing
        };
        Rule { id, parents, condition: own, filters, effect }
    }
}

fn rollout(feature: &str, rule: &RuleDefinition) -> Option<Rollout> {
    let coverage = rule.coverage.map(Share::Coverage);
    let share = rule.range.map(Share::Range).or(coverage)?;
    let version = rule.hash_version.filter(|version| *version != 0).unwrap_or(1);
    let seed = rule.seed.as_deref().filter(|seed| !seed.is_empty()).unwrap_or(feature);
    Some(Rollout {
        seed: Seed::new(seed, version),
        attribute: rule.hash_attribute.as_deref().unwrap_or("id").into(),
        fallback: rule.fallback_attribute.as_deref().map(Box::from),
        sticky: rule.disable_sticky_bucketing != Some(true),
        share,
    })
}

/// The experiment of a rule. Its prerequisites stay with the rule.
fn inline(feature: &str, rule: RuleDefinition) -> ExperimentDefinition {
    ExperimentDefinition {
        key: rule.key.filter(|key| !key.is_empty()).unwrap_or_else(|| feature.to_owned()),
        variations: rule.contextual_variations.or(rule.variations).unwrap_or_default(),
        weights: rule.weights,
        coverage: rule.coverage,
        condition: rule.condition,
        namespace: rule.namespace,
        ranges: rule.ranges,
        meta: rule.meta,
        filters: rule.filters,
        seed: rule.seed,
        hash_attribute: rule.hash_attribute,
        fallback_attribute: rule.fallback_attribute,
        hash_version: rule.hash_version,
        name: rule.name,
        phase: rule.phase,
        disable_sticky_bucketing: rule.disable_sticky_bucketing,
        bucket_version: rule.bucket_version,
        min_bucket_version: rule.min_bucket_version,
        ..ExperimentDefinition::default()
    }
}
