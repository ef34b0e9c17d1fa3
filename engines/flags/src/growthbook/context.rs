//! Who asks, and what is forced for them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Assigned;
use super::StickyDocs;
use super::experiment::Experiment;
use super::sticky::StickyChange;
use super::wire::Track;

/// Who asks. All of it is borrowed, so that a decision copies nothing.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// What is known of the subject.
    pub attributes: &'a Map<String, Value>,
    /// The page the subject is on.
    pub url: Option<&'a str>,
    /// Numbers of variations by the keys of experiments, for this subject; not counted as exposures.
    pub forced_variations: Option<&'a BTreeMap<String, i64>>,
    /// Variations of subjects whose cells are given.
    pub forced_cells: Option<&'a ForcedCells>,
    /// The subject's assignments; `None` where assignments do not stick.
    pub sticky: Option<&'a StickyDocs>,
    /// `false` switches all experiments off.
    pub enabled: bool,
    /// Only forced variations are seen.
    pub qa_mode: bool,
}

impl<'a> Context<'a> {
    /// A subject with nothing forced.
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

/// What happens besides while features are decided. Everything may be left out.
pub trait Observer {
    /// A subject saw a variation by its hash or by an assignment that stuck: what analyses count.
    fn exposed(&mut self, experiment: &Experiment, assigned: &Assigned<'_>) {
        let _ = (experiment, assigned);
    }

    /// A forced value came with an exposure that a server decided.
    fn tracked(&mut self, track: &Track) {
        let _ = track;
    }

    /// An assignment is to be kept.
    fn stuck(&mut self, change: StickyChange) {
        let _ = change;
    }
}

/// Observes nothing.
impl Observer for () {}

/// The most cells that are given.
pub const FORCED_CELLS_MAX: usize = 100_000;

/// Variations that are given to subjects by hand: testers, or members of a batch. Not counted as exposures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForcedCells {
    /// Variations by the values of the hash attribute, by the keys of experiments.
    cells: BTreeMap<String, BTreeMap<String, u32>>,
    count: usize,
}

impl ForcedCells {
    /// Gives a subject a variation; `false` where there are [`FORCED_CELLS_MAX`] already.
    pub fn force(&mut self, experiment: &str, subject: &str, variation: u32) -> bool {
        let known = self.get(experiment, subject).is_some();
        if !known && self.count >= FORCED_CELLS_MAX {
            return false;
        }
        self.count += usize::from(!known);
        self.cells.entry(experiment.to_owned()).or_default().insert(subject.to_owned(), variation);
        true
    }

    /// Leaves a subject to its hash again; `false` where it was.
    pub fn release(&mut self, experiment: &str, subject: &str) -> bool {
        let Some(cells) = self.cells.get_mut(experiment) else { return false };
        let removed = cells.remove(subject).is_some();
        if cells.is_empty() {
            self.cells.remove(experiment);
        }
        self.count = self.count.saturating_sub(usize::from(removed));
        removed
    }

    /// The variation that a subject was given.
    #[must_use]
    pub fn get(&self, experiment: &str, subject: &str) -> Option<u32> {
        self.cells.get(experiment)?.get(subject).copied()
    }
}
