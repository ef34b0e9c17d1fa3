//! Subjects stay where they were placed, whatever weights become.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::payload::Experiment;

/// Variations by experiment and version, for one value of one attribute.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StickyDocument {
    /// The attribute.
    pub attribute_name: String,
    /// Its value.
    pub attribute_value: String,
    /// The key of the variation by `EXPERIMENT__VERSION`.
    pub assignments: BTreeMap<String, String>,
}

/// Documents by `ATTRIBUTE||VALUE`.
pub type Assignments = BTreeMap<String, StickyDocument>;

/// Where a subject was placed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placed {
    /// Never.
    Nowhere,
    /// In this variation.
    In(usize),
    /// Before a version that leaves it out.
    Blocked,
}

pub(super) fn document_key(attribute: &str, value: &str) -> String {
    format!("{attribute}||{value}")
}

pub(super) fn placed(
    documents: &Assignments,
    experiment: &Experiment,
    (attribute, value): (&str, &str),
    fallback: Option<(&str, &str)>,
) -> Placed {
    let own = documents.get(&document_key(attribute, value));
    let other = fallback.and_then(|(attribute, value)| documents.get(&document_key(attribute, value)));
    let found =
        |id: &str| [own, other].into_iter().flatten().find_map(|document| document.assignments.get(id));
    let id = |version: i64| format!("{}__{version}", experiment.key);
    if (0..experiment.min_bucket_version.min(1_000)).any(|version| found(&id(version)).is_some()) {
        return Placed::Blocked;
    }
    let Some(key) = found(&id(experiment.bucket_version)) else { return Placed::Nowhere };
    let place = experiment.meta.iter().position(|meta| meta.key.as_ref() == Some(key));
    place.map_or(Placed::Nowhere, Placed::In)
}
