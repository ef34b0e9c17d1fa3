//! What a feature is for a subject.

use serde_json::{Map, Value};

use super::bucket::within;
use super::condition::{Groups, Subject};
use super::experiment::ExperimentResult;
use super::hash::hash;
use super::payload::{Features, Rule};
use super::sticky::Assignments;

/// How deep features may depend on each other.
const DEPTH_MAX: usize = 32;

/// What decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// There is no such feature.
    UnknownFeature,
    /// No rule decided.
    DefaultValue,
    /// A rule forced it.
    Force,
    /// An experiment.
    Experiment,
    /// A feature on which it depends is not as it must be.
    Prerequisite,
    /// It depends on itself.
    CyclicPrerequisite,
}

impl Source {
    /// As GrowthBook writes it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::UnknownFeature => "unknownFeature",
            Self::DefaultValue => "defaultValue",
            Self::Force => "force",
            Self::Experiment => "experiment",
            Self::Prerequisite => "prerequisite",
            Self::CyclicPrerequisite => "cyclicPrerequisite",
        }
    }
}

/// What a feature is for a subject.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureResult<'a> {
    /// The value.
    pub value: &'a Value,
    /// What decided.
    pub source: Source,
    /// The rule that did.
    pub rule_id: &'a str,
    /// The experiment that did: its key, and the variation.
    pub experiment: Option<(&'a str, ExperimentResult<'a>)>,
}

impl FeatureResult<'_> {
    /// Whether the value is what JavaScript takes for true.
    #[must_use]
    pub fn is_on(&self) -> bool {
        match self.value {
            Value::Null => false,
            Value::Bool(on) => *on,
            Value::Number(number) => number.as_f64() != Some(0.0),
            Value::String(text) => !text.is_empty(),
            Value::Array(_) | Value::Object(_) => true,
        }
    }
}

/// A subject and what is decided for it.
#[derive(Clone, Copy)]
pub struct Evaluation<'a> {
    /// The payload.
    pub features: &'a Features,
    /// The subject's attributes.
    pub attributes: &'a Map<String, Value>,
    /// Variations that it is forced into, by experiment.
    pub forced: Option<&'a Map<String, Value>>,
    /// Where it is; empty where that does not matter.
    pub url: &'a str,
    /// Whether experiments run at all.
    pub enabled: bool,
    /// Whether only what is forced counts.
    pub qa: bool,
    /// Where it was placed before; none where that is not kept.
    pub sticky: Option<&'a Assignments>,
}

const NULL: &Value = &Value::Null;

impl<'a> Evaluation<'a> {
    /// An evaluation for a subject with nothing forced.
    #[must_use]
    pub fn new(features: &'a Features, attributes: &'a Map<String, Value>) -> Self {
        Self { features, attributes, forced: None, url: "", enabled: true, qa: false, sticky: None }
    }

    pub(super) fn groups(&self) -> Groups<'a> {
        Groups { saved: self.features.saved.as_ref(), patterns: &self.features.patterns }
    }

    /// What a feature is.
    #[must_use]
    pub fn feature(&self, name: &'a str) -> FeatureResult<'a> {
        self.feature_for(name, &mut Vec::new())
    }

    pub(super) fn feature_for(&self, name: &'a str, stack: &mut Vec<&'a str>) -> FeatureResult<'a> {
        let of =
            |value: &'a Value, source, rule_id| FeatureResult { value, source, rule_id, experiment: None };
        if stack.contains(&name) || stack.len() >= DEPTH_MAX {
            return of(NULL, Source::CyclicPrerequisite, "");
        }
        let Some(feature) = self.features.features.get(name) else {
            return of(NULL, Source::UnknownFeature, "");
        };
        stack.push(name);
        let mut found = None;
        for (rule, experiment) in feature.rules.iter().zip(&feature.experiments) {
            match self.parents(rule, stack) {
                Parents::Fit => {}
                Parents::Skip => continue,
                Parents::End(source) => {
                    found = Some(of(NULL, source, ""));
                    break;
                }
            }
            let own = &rule.experiment;
            if own.filters.as_ref().is_some_and(|filters| self.is_filtered_out(filters)) {
                continue;
            }
            let rule_id = rule.id.as_deref().unwrap_or_default();
            if let Some(force) = &rule.force {
                let subject = Subject::Attributes(self.attributes);
                let fits =
                    own.condition.as_ref().is_none_or(|condition| self.groups().fits(subject, condition));
                if fits && self.is_in_rollout(rule, name) {
                    found = Some(of(force, Source::Force, rule_id));
                    break;
                }
                continue;
            }
            let Some(experiment) = experiment else { continue };
            let result = self.run_for(experiment, stack);
            if result.in_experiment && !result.passthrough {
                let value = result.value;
                let experiment = Some((experiment.key.as_str(), result));
                found = Some(FeatureResult { value, source: Source::Experiment, rule_id, experiment });
                break;
            }
        }
        stack.pop();
        found.unwrap_or_else(|| of(&feature.default_value, Source::DefaultValue, ""))
    }

    fn parents(&self, rule: &'a Rule, stack: &mut Vec<&'a str>) -> Parents {
        for parent in &rule.experiment.parent_conditions {
            let found = self.feature_for(&parent.id, stack);
            if found.source == Source::CyclicPrerequisite {
                return Parents::End(Source::CyclicPrerequisite);
            }
            if !self.groups().fits(Subject::Wrapped(found.value), &parent.condition) {
                return if parent.gate { Parents::End(Source::Prerequisite) } else { Parents::Skip };
            }
        }
        Parents::Fit
    }

    fn is_in_rollout(&self, rule: &'a Rule, feature: &str) -> bool {
        let own = &rule.experiment;
        if rule.range.is_none() && own.coverage.is_none() {
            return true;
        }
        if rule.range.is_none() && own.coverage == Some(0.0) {
            return false;
        }
        let fallback =
            self.sticky.filter(|_| !own.disable_sticky_bucketing).and(own.fallback_attribute.as_deref());
        let (_, value) = self.hashed(own.hash_attribute.as_deref().unwrap_or("id"), fallback);
        let seed = own.seed.as_deref().unwrap_or(feature);
        let n = value.and_then(|value| hash(seed, &value, own.hash_version.unwrap_or(1)));
        n.is_some_and(|n| match (rule.range, own.coverage) {
            (Some(range), _) => within(n, range),
            (None, Some(coverage)) => n < coverage,
            (None, None) => true,
        })
    }
}

enum Parents {
    Fit,
    Skip,
    End(Source),
}
