//! One pass through a list of steps, and where each step of it is.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use troupe_runtime::Timestamp;
use troupe_workflows::Ordered;
use troupe_workflows::graph::StepState;
use troupe_workflows::params::{Parameters, Value};
use troupe_workflows::status::StepStatus;

use super::messages::Counts;

/// Attempts that are remembered beside the present one.
pub(super) const HISTORY_MAX: usize = 20;

/// An attempt that is over.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Attempt {
    /// Its number, from 1.
    pub attempt: u32,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// How, in Maestro's word.
    pub status: String,
    /// Why.
    pub why: String,
}

/// A loop or subworkflow that a step has started.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LoopRun {
    /// Iterations in all.
    pub total: u64,
    /// Iterations of one stretch.
    pub stretch: u64,
    /// Iterations at once within a stretch.
    pub within: u64,
    /// Stretches at once.
    pub at_once: u64,
    /// The next stretch.
    pub next: u64,
    /// Stretches that run.
    pub running: Vec<u64>,
    /// How iterations ended.
    pub counts: Counts,
    /// Why the first went wrong.
    pub why: String,
    /// What others ask of the steps inside: by step and parameter, of a foreach by iteration.
    #[serde(default, skip_serializing_if = "Ordered::is_empty")]
    pub values: Ordered<Value>,
}

/// A signal that a step waits for, with what came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Awaited {
    /// Its name.
    pub name: String,
    /// What its parameters must be: operator and value by name.
    pub wanted: Ordered<(String, Value)>,
    /// The parameters of the one that came.
    pub came: Option<BTreeMap<String, String>>,
}

/// Where a step is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StepRun {
    /// In Maestro's words.
    pub status: StepStatus,
    /// Which of its ways are taken, once it is complete.
    pub ways: Vec<bool>,
    /// Attempts begun.
    pub attempt: u32,
    /// Failures so far: the user's, the platform's, time-outs.
    pub failures: [u32; 3],
    /// When this attempt began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// When something is to be done about it.
    pub due: Option<Timestamp>,
    /// When this attempt has taken too long.
    pub until: Option<Timestamp>,
    /// Why it failed.
    pub why: String,
    /// How far its task is.
    pub progress: Option<(String, Option<f64>)>,
    /// What its parameters came to.
    pub params: Parameters,
    /// What came of it.
    pub output: Json,
    /// Attempts before this one.
    pub history: Vec<Attempt>,
    /// Its loop.
    pub looping: Option<LoopRun>,
    /// Signals that it waits for.
    pub awaited: Vec<Awaited>,
    /// A breakpoint has let it go.
    pub resumed: bool,
    /// Permits that this attempt needs, in the order in which it asks for them, and whether it has them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permits: Vec<(String, bool)>,
}

impl Default for StepRun {
    fn default() -> Self {
        Self {
            status: StepStatus::NotCreated,
            ways: Vec::new(),
            attempt: 0,
            failures: [0; 3],
            started: None,
            ended: None,
            due: None,
            until: None,
            why: String::new(),
            progress: None,
            params: Parameters::new(),
            output: Json::Null,
            history: Vec::new(),
            looping: None,
            awaited: Vec::new(),
            resumed: false,
            permits: Vec::new(),
        }
    }
}

impl StepRun {
    /// As the graph sees it.
    pub(super) fn state(&self) -> StepState {
        StepState { status: self.status, ways: self.ways.clone() }
    }

    /// When it is to be looked at next.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let goes_on = self.status.is_active() || self.status.is_retryable();
        if goes_on { [self.due, self.until].into_iter().flatten().min() } else { None }
    }
}

/// One pass through the steps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Lane {
    /// Its loop parameters.
    pub values: Ordered<Value>,
    /// By place in the definition.
    pub steps: Vec<StepRun>,
}

impl Lane {
    pub(super) fn new(values: Ordered<Value>, steps: usize) -> Self {
        Self { values, steps: vec![StepRun::default(); steps] }
    }

    pub(super) fn states(&self) -> Vec<StepState> {
        self.steps.iter().map(StepRun::state).collect()
    }
}
