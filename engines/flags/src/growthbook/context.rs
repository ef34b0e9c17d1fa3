//! The subject of an evaluation and its forced variations.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Assigned;
use super::StickyDocs;
use super::experiment::Experiment;
use super::sticky::StickyChange;
use super::wire::Track;

/// The subject of an evaluation. All fields are borrowed, so a decision copies nothing.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The subject's attributes.
    pub attributes: &'a Map<String, Value>,
    /// The URL of the subject's page.
    pub url: Option<&'a str>,
    /// Forced variation numbers by experiment key; not counted as exposures.
    pub forced_variations: Option<&'a BTreeMap<String, i64>>,
    /// Forced cells of any subjects.
    pub forced_cells: Option<&'a ForcedCells>,
    /// The subject's sticky assignments; `None` without sticky bucketing.
    pub sticky: Option<&'a StickyDocs>,
    /// `false` switches all experiments off.
    pub enabled: bool,
    /// Quality assurance mode: only forced variations are seen.
    pub qa_mode: bool,
}

impl<'a> Context<'a> {
    /// A subject without forced variations.
    #[must_use]
    pub fn new(attributes: &'a Map<String, Value>) -> Context<'a> {
        Context {
            attributes,
            url: None,
            forced_variations: None,
            forced_cells: None,
            sticky: None,
            enabled: true,
            qa_mode: false,
        }
    }
}

/// Callbacks during an evaluation. Each has an empty default.
pub trait Observer {
    /// An exposure by hash or by a sticky assignment, which analyses count.
    fn exposed(&mut self, experiment: &Experiment, assigned: &Assigned<'_>) {
        let _ = (experiment, assigned);
    }

    /// A forced value came with an exposure of a server-side decision.
    fn tracked(&mut self, track: &Track) {
        let _ = track;
    }

    /// A sticky assignment must be stored.
    fn stuck(&mut self, change: StickyChange) {
        let _ = change;
    }
}

/// Ignores all callbacks.
impl Observer for () {}

/// Most forced cells.
pub const FORCED_CELLS_MAX: usize = 100_000;

/// Variations assigned by hand, to testers or members of a batch. Not counted as exposures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForcedCells {
    /// Variations by the values of the hash attribute, by the keys of experiments.
    cells: BTreeMap<String, BTreeMap<String, u32>>,
    count: usize,
}

impl ForcedCells {
    /// Forces a subject's variation; `false` at [`FORCED_CELLS_MAX`] cells.
    pub fn force(&mut self, experiment: &str, subject: &str, variation: u32) -> bool {
        let known = self.get(experiment, subject).is_some();
        if !known && self.count >= FORCED_CELLS_MAX {
            return false;
        }
        self.count += usize::from(!known);
        self.cells.entry(experiment.to_owned()).or_default().insert(subject.to_owned(), variation);
        true
    }

    /// Removes a subject's forced variation; `false` if it had no forced variation.
    pub fn release(&mut self, experiment: &str, subject: &str) -> bool {
        let Some(cells) = self.cells.get_mut(experiment) else { return false };
        let removed = cells.remove(subject).is_some();
        if cells.is_empty() {
            self.cells.remove(experiment);
        }
        self.count = self.count.saturating_sub(usize::from(removed));
        removed
    }

    /// The forced variation of a subject.
    #[must_use]
    pub fn get(&self, experiment: &str, subject: &str) -> Option<u32> {
        self.cells.get(experiment)?.get(subject).copied()
    }
}
