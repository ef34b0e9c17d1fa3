//! Sticky bucketing: assignments that persist while weights and hashes change.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Most assignments of one document; beyond it the first ones in order of their keys are dropped.
pub const ASSIGNMENTS_MAX: usize = 1_000;

/// The assignments of one attribute value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StickyDoc {
    /// The attribute, `id` for one.
    pub attribute_name: String,
    /// Its value, as text.
    pub attribute_value: String,
    /// Keys of variations by `experiment__version`.
    pub assignments: BTreeMap<String, String>,
}

/// Documents by `attribute||value`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StickyDocs {
    docs: BTreeMap<String, StickyDoc>,
}

/// An assignment to store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StickyChange {
    /// The attribute that was hashed.
    pub attribute_name: String,
    /// Its value, as text.
    pub attribute_value: String,
    /// `experiment__version`.
    pub experiment: String,
    /// The key of the variation.
    pub variation: String,
}

/// A subject's sticky assignment in one experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stuck<'d> {
    Nothing,
    Variation(&'d str),
    /// Assigned under a version below `minBucketVersion`.
    Blocked,
}

impl StickyDocs {
    /// Documents of a store, by their attributes.
    #[must_use]
    pub fn new(docs: impl IntoIterator<Item = StickyDoc>) -> StickyDocs {
        let keyed = docs.into_iter().map(|doc| (key(&doc.attribute_name, &doc.attribute_value), doc));
        StickyDocs { docs: keyed.collect() }
    }

    /// The document of one attribute's value.
    #[must_use]
    pub fn get(&self, attribute: &str, value: &str) -> Option<&StickyDoc> {
        self.docs.get(&key(attribute, value))
    }

    /// All documents, in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &StickyDoc)> {
        self.docs.iter().map(|(key, doc)| (key.as_str(), doc))
    }

    /// Stores an assignment.
    pub fn apply(&mut self, change: &StickyChange) {
        let doc =
            self.docs.entry(key(&change.attribute_name, &change.attribute_value)).or_insert_with(|| {
                StickyDoc {
                    attribute_name: change.attribute_name.clone(),
                    attribute_value: change.attribute_value.clone(),
                    assignments: BTreeMap::new(),
                }
            });
        if doc.assignments.len() >= ASSIGNMENTS_MAX && !doc.assignments.contains_key(&change.experiment) {
            doc.assignments.pop_first();
        }
        doc.assignments.insert(change.experiment.clone(), change.variation.clone());
    }
}

/// The assignment of an experiment's version in two documents; the first one takes precedence.
pub(super) fn stuck<'d>(
    docs: [Option<&'d StickyDoc>; 2],
    experiment: &str,
    assignment: &str,
    version_min: u32,
) -> Stuck<'d> {
    let before = |name: &str| {
        let version = name.strip_prefix(experiment).and_then(|rest| rest.strip_prefix("__"));
        version.is_some_and(|text| {
            text.parse::<u32>().is_ok_and(|n| n < version_min && (n == 0 || !text.starts_with('0')))
        })
    };
    let blocked = |doc: &StickyDoc| doc.assignments.keys().any(|name| before(name));
    if version_min > 0 && docs.iter().flatten().any(|doc| blocked(doc)) {
        return Stuck::Blocked;
    }
    let found = docs.iter().flatten().find_map(|doc| doc.assignments.get(assignment));
    found.map_or(Stuck::Nothing, |variation| Stuck::Variation(variation))
}

fn key(attribute: &str, value: &str) -> String {
    format!("{attribute}||{value}")
}
