//! Layers: mutually exclusive experiments share a namespace and take disjoint ranges of it. Holdouts are excluded from all
//! of them.

use std::collections::BTreeMap;

use serde_json::json;

use super::Refused;
use super::ranges::Range;
use super::wire::{ExperimentDefinition, FeatureDefinition, ParentCondition, RuleDefinition};

/// Most reported conflicts.
pub const CONFLICTS_MAX: usize = 10_000;
/// Namespaces spread subjects over a thousand buckets, so a range is a whole number of thousandths.
const PLACES: f64 = 1_000.0;

/// Two experiments of one namespace that share subjects.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflict {
    /// The namespace.
    pub namespace: String,
    /// The indices of the two experiments, the one with the earlier range first.
    pub pair: (usize, usize),
    /// The kind of conflict.
    pub why: Meeting,
}

/// The kind of conflict between two experiments of one namespace.
#[derive(Debug, Clone, PartialEq)]
pub enum Meeting {
    /// Both take this range.
    Overlap(Range),
    /// They hash different attributes, so disjoint ranges do not separate them. Holds the two attributes.
    Attributes(String, String),
}

struct Part {
    experiment: usize,
    range: Range,
}

/// Ranges by hash attribute, in order of their starts.
type Parts<'e> = BTreeMap<&'e str, Vec<Part>>;

/// The pairs of running experiments of a namespace that share subjects, in order of namespace; at most [`CONFLICTS_MAX`].
/// For each two hash attributes, only one pair is reported.
///
/// An experiment with filters ignores its namespace, as in clients, so it is left out. So are inactive, draft and stopped
/// experiments and empty ranges.
#[must_use]
pub fn conflicts(experiments: &[ExperimentDefinition]) -> Vec<Conflict> {
    let found = by_namespace(experiments).into_iter().flat_map(|(namespace, parts)| {
        let met = overlaps(&parts).chain(strangers(&parts));
        let met = met.take(CONFLICTS_MAX).collect::<Vec<_>>();
        met.into_iter().map(move |(pair, why)| Conflict { namespace: namespace.to_owned(), pair, why })
    });
    found.take(CONFLICTS_MAX).collect()
}

/// Each range with the ranges that start before its end, which all overlap it.
fn overlaps<'p>(parts: &'p Parts<'_>) -> impl Iterator<Item = ((usize, usize), Meeting)> + 'p {
    parts.values().flat_map(|parts| {
        parts.iter().enumerate().flat_map(|(i, first)| {
            let met = parts[i + 1..].iter().take_while(|second| second.range.0 < first.range.1);
            met.map(|second| {
                let overlap = (second.range.0, first.range.1.min(second.range.1));
                ((first.experiment, second.experiment), Meeting::Overlap(overlap))
            })
        })
    })
}

fn strangers<'p>(parts: &'p Parts<'_>) -> impl Iterator<Item = ((usize, usize), Meeting)> + 'p {
    let firsts = || parts.iter().filter_map(|(name, parts)| Some((*name, parts.first()?.experiment)));
    firsts().enumerate().flat_map(move |(i, (name, first))| {
        firsts().skip(i + 1).map(move |(other, second)| {
            ((first, second), Meeting::Attributes(name.to_owned(), other.to_owned()))
        })
    })
}

fn by_namespace(experiments: &[ExperimentDefinition]) -> BTreeMap<&str, Parts<'_>> {
    let mut out: BTreeMap<&str, Parts<'_>> = BTreeMap::new();
    for (i, experiment) in experiments.iter().enumerate() {
        let filtered = experiment.filters.as_ref().is_some_and(|filters| !filters.is_empty());
        let own = experiment.namespace.as_ref().filter(|(_, from, to)| from < to && !filtered);
        if let Some((name, from, to)) = own.filter(|_| runs(experiment)) {
            let attribute = experiment.hash_attribute.as_deref().unwrap_or("id");
            let part = Part { experiment: i, range: (*from, *to) };
            out.entry(name).or_default().entry(attribute).or_default().push(part);
        }
    }
    for parts in out.values_mut().flat_map(BTreeMap::values_mut) {
        parts.sort_by(|a, b| a.range.0.total_cmp(&b.range.0));
    }
    out
}

/// Whether an experiment is active, and neither a draft nor stopped.
#[must_use]
pub fn runs(experiment: &ExperimentDefinition) -> bool {
    experiment.active != Some(false) && !matches!(experiment.status.as_deref(), Some("draft" | "stopped"))
}

/// The first free range of a namespace of at least `share`, in thousandths; `None` if no free range is that large.
#[must_use]
pub fn free_part(namespace: &str, share: f64, experiments: &[ExperimentDefinition]) -> Option<Range> {
    let wanted = (share * PLACES - 1e-9).ceil();
    if !(1.0..=PLACES).contains(&wanted) {
        return None;
    }
    let mut taken: Vec<Range> = by_namespace(experiments)
        .remove(namespace)
        .unwrap_or_default()
        .values()
        .flatten()
        .map(|part| ((part.range.0 * PLACES).floor(), (part.range.1 * PLACES).ceil()))
        .collect();
    taken.sort_by(|a, b| a.0.total_cmp(&b.0));
    taken.push((PLACES, PLACES));
    let mut from = 0.0_f64;
    for (start, end) in taken {
        if start - from >= wanted {
            return Some((from / PLACES, (from + wanted) / PLACES));
        }
        from = from.max(end);
    }
    None
}

/// Subjects excluded from all guarded experiments, to measure the experiments' total effect.
#[derive(Debug, Clone, PartialEq)]
pub struct Holdout {
    /// Its name; the feature is called `$holdout:name`.
    pub name: String,
    /// The share of subjects held out, above 0 and at most a half. An equal share is the comparison group.
    pub share: f64,
    /// The attribute that is hashed.
    pub hash_attribute: String,
}

impl Holdout {
    /// The key of the feature that decides which subjects are held out.
    #[must_use]
    pub fn key(&self) -> String {
        format!("$holdout:{}", self.name)
    }

    /// The feature: `control` for the held-out subjects, `treatment` for the comparison group, `everyone` for the rest.
    pub fn feature(&self) -> Result<FeatureDefinition, Refused> {
        if !(self.share > 0.0 && self.share <= 0.5) {
            return Err(Refused::new("share", self.share.to_string(), "hold out more than 0 and up to 0.5"));
        }
        let rule = RuleDefinition {
            key: Some(self.key()),
            variations: Some(vec![json!("control"), json!("treatment")]),
            ranges: Some(vec![(0.0, self.share), (self.share, 2.0 * self.share)]),
            hash_attribute: Some(self.hash_attribute.clone()),
            hash_version: Some(2),
            ..RuleDefinition::default()
        };
        Ok(FeatureDefinition { default_value: json!("everyone"), rules: Some(vec![rule]) })
    }

    /// The prerequisite that hides an experiment or a rule from held-out subjects.
    #[must_use]
    pub fn guard(&self) -> ParentCondition {
        ParentCondition { id: self.key(), condition: json!({"value": {"$ne": "control"}}), gate: None }
    }
}
