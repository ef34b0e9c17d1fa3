//! Evaluation of features: prerequisites first, then rules in order.

use super::condition::{Dialect, Subject};
use super::context::{Context, Observer};
use super::experiment::{Filter, Parent};
use super::features::{Effect, Feature, FeatureAt, Features, Rollout, Rule, Share};
use super::hash::hashable;
use super::outcome::{FeatureResult, Source};
use super::ranges::in_range;

/// Most features that one decision may evaluate, with all prerequisites; beyond it they count as a cycle.
pub(super) const FEATURES_ASKED_MAX: u32 = 10_000;
/// Longest chain of prerequisites; a longer one counts as a cycle.
const CHAIN_MAX: usize = 64;

impl Features {
    /// The value of a feature for a subject.
    pub fn evaluate<'a>(
        &'a self,
        key: &str,
        context: &Context<'a>,
        observer: &mut impl Observer,
    ) -> FeatureResult<'a> {
        match self.find(key) {
            Some(at) => self.evaluate_at(at, context, observer),
            None => FeatureResult::nothing(Source::UnknownFeature),
        }
    }

    /// As [`Features::evaluate`], for a feature that was looked up in these features before.
    pub fn evaluate_at<'a>(
        &'a self,
        at: FeatureAt,
        context: &Context<'a>,
        observer: &mut impl Observer,
    ) -> FeatureResult<'a> {
        let mut evaluation = Evaluation { features: self, context, observer, left: FEATURES_ASKED_MAX };
        evaluation.feature(at.0, None)
    }
}

/// The state of one decision.
pub(super) struct Evaluation<'a, 'e, O> {
    pub(super) features: &'a Features,
    pub(super) context: &'e Context<'a>,
    pub(super) observer: &'e mut O,
    pub(super) left: u32,
}

/// The features on the path to the current one.
#[derive(Clone, Copy)]
pub(super) struct Way<'w> {
    feature: usize,
    length: usize,
    before: Option<&'w Way<'w>>,
}

/// The result of the prerequisites.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Met {
    All,
    NotAll,
    Gated,
    Circle,
}

impl<'w> Way<'w> {
    fn on(before: Option<&'w Way<'w>>, feature: usize) -> Way<'w> {
        Way { feature, length: before.map_or(0, |way| way.length) + 1, before }
    }

    fn has(way: Option<&Way<'_>>, feature: usize) -> bool {
        let mut at = way;
        while let Some(way) = at {
            if way.feature == feature || way.length >= CHAIN_MAX {
                return true;
            }
            at = way.before;
        }
        false
    }
}

impl<'a, O: Observer> Evaluation<'a, '_, O> {
    pub(super) fn feature(&mut self, at: usize, before: Option<&Way<'_>>) -> FeatureResult<'a> {
        if self.left == 0 || Way::has(before, at) {
            return FeatureResult::nothing(Source::CyclicPrerequisite);
        }
        self.left -= 1;
        let Some(feature) = self.features.features.get(at) else {
            return FeatureResult::nothing(Source::UnknownFeature);
        };
        let way = Way::on(before, at);
        for rule in &feature.rules {
            match self.met(&rule.parents, Some(&way)) {
                Met::All => {}
                Met::NotAll => continue,
                Met::Gated => return FeatureResult::nothing(Source::Prerequisite),
                Met::Circle => return FeatureResult::nothing(Source::CyclicPrerequisite),
            }
            if let Some(result) = self.rule(feature, rule, &way) {
                return result;
            }
        }
        FeatureResult::new(&feature.default, Source::DefaultValue, "")
    }

    fn rule(&mut self, feature: &'a Feature, rule: &'a Rule, way: &Way<'_>) -> Option<FeatureResult<'a>> {
        let subject = Subject::Attributes(self.context.attributes);
        if rule.condition.as_ref().is_some_and(|condition| !condition.passes(subject))
            || self.filtered_out(&rule.filters)
        {
            return None;
        }
        match &rule.effect {
            Effect::Nothing => None,
            Effect::Force { value, rollout, tracks } => {
                if rollout.as_ref().is_some_and(|rollout| !self.rolled_out(rollout)) {
                    return None;
                }
                tracks.iter().for_each(|track| self.observer.tracked(track));
                Some(FeatureResult::new(value, Source::Force, &rule.id))
            }
            Effect::Experiment(experiment) => {
                // In the Python client's order the rule has checked the condition already.
                let asked = rule.condition.is_some();
                let assigned = self.experiment(experiment, Some(&feature.key), Some(way), asked);
                if !assigned.in_experiment || assigned.passthrough {
                    return None;
                }
                let mut result = FeatureResult::new(assigned.value, Source::Experiment, &rule.id);
                result.experiment = Some(experiment);
                result.assigned = Some(assigned);
                Some(result)
            }
        }
    }

    pub(super) fn met(&mut self, parents: &[Parent], way: Option<&Way<'_>>) -> Met {
        for parent in parents {
            let result = match parent.feature {
                Some(at) => self.feature(at, way),
                None => FeatureResult::nothing(Source::UnknownFeature),
            };
            if result.source == Source::CyclicPrerequisite {
                return Met::Circle;
            }
            let subject = Subject::Parent(result.value);
            if parent.condition.as_ref().is_some_and(|condition| !condition.passes(subject)) {
                return if parent.gate { Met::Gated } else { Met::NotAll };
            }
        }
        Met::All
    }

    /// Whether a subject is outside of the range of a layer.
    pub(super) fn filtered_out(&self, filters: &[Filter]) -> bool {
        filters.iter().any(|filter| {
            let value = self.context.attributes.get(&*filter.attribute).and_then(hashable);
            match (&filter.seed, value) {
                (Some(seed), Some(value)) => {
                    let n = seed.bucket(&value);
                    !filter.ranges.iter().any(|range| in_range(n, *range))
                }
                _ => true,
            }
        })
    }

    fn rolled_out(&self, rollout: &Rollout) -> bool {
        if matches!(rollout.share, Share::Coverage(coverage) if coverage == 0.0) {
            return false;
        }
        let typed = self.features.dialect == Dialect::Python4;
        let sticks = typed || (rollout.sticky && self.context.sticky.is_some());
        let fallback = rollout.fallback.as_deref().filter(|_| sticks);
        let found = [Some(&*rollout.attribute), fallback].into_iter().flatten();
        let value = found.filter_map(|name| self.context.attributes.get(name).and_then(hashable)).next();
        let (Some(seed), Some(value)) = (&rollout.seed, value) else { return false };
        let n = seed.bucket(&value);
        match rollout.share {
            Share::Range(range) => in_range(n, range),
            Share::Coverage(coverage) if typed => n < coverage,
            Share::Coverage(coverage) => n <= coverage,
        }
    }
}
