//! Contextual bandits: experiments with the weights of the first leaf with a condition that holds.

use serde_json::Value;

use super::condition::{Condition, Parser, Subject};
use super::ranges::{Range, bucket_ranges, effective_weights, fitting_weights};

/// The leaf id reported when no leaf matched.
pub const FALLBACK_LEAF: i64 = -1;

/// The leaves of a rule's bandit.
#[derive(Debug, Clone)]
pub(super) struct Bandit {
    version: Option<i64>,
    leaves: Vec<Leaf>,
    fallback: Leaf,
}

/// A leaf: weights and their ranges.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    condition: Condition,
    pub(super) id: i64,
    pub(super) weights: Vec<f64>,
    pub(super) ranges: Vec<Range>,
    /// Matched, but without an id or valid weights: the fallback applies.
    malformed: bool,
}

/// The bandit data of an exposure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BanditShare<'a> {
    /// The leaf id; [`FALLBACK_LEAF`] if no leaf matched.
    pub leaf: i64,
    /// The share of each variation at the leaf: the propensities to correct for.
    pub weights: &'a [f64],
    /// The version of the bandit's model.
    pub version: Option<i64>,
}

impl Bandit {
    pub(super) fn new(
        json: &Value,
        variations: usize,
        coverage: f64,
        weights: Option<&[f64]>,
        parser: &mut Parser<'_>,
    ) -> Bandit {
        let fallback = Leaf {
            condition: Condition::default(),
            id: FALLBACK_LEAF,
            weights: effective_weights(variations, weights),
            ranges: bucket_ranges(variations, coverage, weights),
            malformed: false,
        };
        let contexts = json.get("contexts").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let each = |(i, context)| {
            parser.at(format!("contexts[{i}]"), |parser| Leaf::new(context, variations, coverage, parser))
        };
        let leaves = contexts.iter().enumerate().map(each).collect();
        Bandit { version: json.get("banditVersion").and_then(Value::as_i64), leaves, fallback }
    }

    /// The first leaf with a condition that holds, else the fallback with the rule's own weights.
    pub(super) fn leaf(&self, subject: Subject<'_>) -> &Leaf {
        let matched = self.leaves.iter().find(|leaf| leaf.condition.passes(subject));
        matched.filter(|leaf| !leaf.malformed).unwrap_or(&self.fallback)
    }

    pub(super) fn share<'a>(&self, leaf: &'a Leaf) -> BanditShare<'a> {
        BanditShare { leaf: leaf.id, weights: &leaf.weights, version: self.version }
    }
}

impl Leaf {
    fn new(json: &Value, variations: usize, coverage: f64, parser: &mut Parser<'_>) -> Leaf {
        let condition = json.get("condition").filter(|condition| !condition.is_null());
        let condition =
            condition.map(|condition| parser.at("condition", |parser| parser.condition(condition)));
        let listed = json.get("weights").and_then(Value::as_array);
        let weights: Option<Vec<f64>> =
            listed.and_then(|weights| weights.iter().map(Value::as_f64).collect());
        let weights = weights.filter(|weights| fitting_weights(variations, weights));
        let id = json.get("leafId").and_then(Value::as_i64);
        let malformed = weights.is_none() || id.is_none();
        if malformed {
            parser.problem("a leaf without leafId or weights", "give it a number and weights that sum to 1");
        }
        let weights = weights.unwrap_or_default();
        Leaf {
            condition: condition.unwrap_or_default(),
            id: id.unwrap_or(FALLBACK_LEAF),
            ranges: bucket_ranges(variations, coverage, Some(&weights)),
            weights,
            malformed,
        }
    }
}
