//! The state of a run that changes, and the stored difference that one command makes.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use troupe_runtime::Timestamp;
use troupe_workflows::Ordered;
use troupe_workflows::params::{Parameters, Value};
use troupe_workflows::status::InstanceStatus;

use super::cleanup::Cleanup;
use super::iteration::Iteration;
use super::messages::Counts;
use super::past::PastRun;
use super::step_at::StepAt;
use super::step_run::StepRun;

/// Timeline lines that a run keeps.
const TIMELINE_MAX: usize = 200;
/// Results of ended iterations that a run keeps: all of a batch, the newest of a while.
const OVER_MAX: usize = 1_000;
/// Failure reasons that a run keeps.
pub(super) const FAILURES_MAX: usize = 20;

/// The state of a run without its iterations and parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// The run's status.
    pub status: InstanceStatus,
    /// The number of this run of the instance, from 1.
    pub run: u64,
    /// Where this run began, in Maestro's word.
    pub policy: String,
    /// When this run began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Why it did not succeed.
    pub why: String,
    /// Set while the run stops: the reason, and true if the end counts as failed.
    pub stopping: Option<(String, bool)>,
    /// The number of the iteration that begins next.
    #[serde(rename = "next_lane")]
    pub next_iteration: u64,
    /// The last log entry reached its bounds; the timer continues the work.
    pub more: bool,
    /// Ended iterations by result.
    pub counts: Counts,
    /// For a while the loop parameters of its next iteration; for another run the nested outputs that its parent uses.
    pub values: Ordered<Value>,
    /// The deadline of an instance.
    pub until: Option<Timestamp>,
    /// The parent no longer needs it: the run is forgotten when it ends.
    #[serde(rename = "unasked", default, skip_serializing_if = "std::ops::Not::not")]
    pub forget_at_end: bool,
    /// Changes of this run are mirrored to the metadata actors.
    #[serde(rename = "recorded", default, skip_serializing_if = "std::ops::Not::not")]
    pub mirrored: bool,
    /// Steps that pause. `None` until they change: then those of [`super::Begin`] apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breakpoints: Option<Vec<String>>,
}

impl Default for Head {
    fn default() -> Self {
        Self {
            status: InstanceStatus::Created,
            run: 0,
            policy: String::new(),
            started: Timestamp(0),
            ended: None,
            why: String::new(),
            stopping: None,
            next_iteration: 0,
            more: false,
            counts: Counts::default(),
            values: Ordered::new(),
            until: None,
            forget_at_end: false,
            mirrored: false,
            breakpoints: None,
        }
    }
}

/// The part of a run that changes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Live {
    pub(super) head: Head,
    pub(super) params: Parameters,
    /// Iterations that run; the only one of an instance also after its end.
    #[serde(rename = "lanes")]
    pub(super) iterations: BTreeMap<u64, Iteration>,
    /// Results of ended iterations, the newest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) over: BTreeMap<u64, InstanceStatus>,
    pub(super) failures: Vec<(u64, String)>,
    pub(super) timeline: Vec<(Timestamp, String)>,
    /// Child runs that must still be forgotten.
    #[serde(rename = "leftovers", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) cleanup: Vec<Cleanup>,
    /// Earlier runs of the instance, oldest first.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub(super) past: VecDeque<PastRun>,
}

/// The difference that one command made.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Change {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    head: Option<Head>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    params: Option<Parameters>,
    /// Iterations that began: number, loop parameters, count of steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    begun: Vec<(u64, Ordered<Value>, usize)>,
    /// Steps that changed: iteration, step index, new state.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    steps: Vec<(u64, usize, StepRun)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ended: Vec<u64>,
    /// Results of iterations that ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    over: Vec<(u64, InstanceStatus)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    failures: Vec<(u64, String)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lines: Vec<(Timestamp, String)>,
    /// All child runs that must still be forgotten.
    #[serde(rename = "leftovers", default, skip_serializing_if = "Option::is_none")]
    cleanup: Option<Vec<Cleanup>>,
}

impl Change {
    /// The difference between two states; `None` if they are equal. An iteration that began and ended in between is
    /// stored only as its result.
    pub(super) fn between(before: &Live, after: &Live, lines: Vec<(Timestamp, String)>) -> Option<Self> {
        let mut change = Self {
            head: (before.head != after.head).then(|| after.head.clone()),
            params: (before.params != after.params).then(|| after.params.clone()),
            failures: after.failures[before.failures.len().min(after.failures.len())..].to_vec(),
            lines,
            cleanup: (before.cleanup != after.cleanup).then(|| after.cleanup.clone()),
            ..Self::default()
        };
        for (number, iteration) in &after.iterations {
            let known = before.iterations.get(number).filter(|known| known.values == iteration.values);
            if known.is_none() {
                change.begun.push((*number, iteration.values.clone(), iteration.steps.len()));
            }
            let fresh = StepRun::default();
            for (step_index, step) in iteration.steps.iter().enumerate() {
                let was = known.and_then(|iteration| iteration.steps.get(step_index)).unwrap_or(&fresh);
                if was != step {
                    change.steps.push((*number, step_index, step.clone()));
                }
            }
        }
        change.ended = before
            .iterations
            .keys()
            .filter(|number| !after.iterations.contains_key(number))
            .copied()
            .collect();
        let fresh = after.over.iter().filter(|(number, _)| !before.over.contains_key(number));
        change.over = fresh.map(|(number, status)| (*number, *status)).collect();
        (change != Self::default()).then_some(change)
    }
}

impl Live {
    pub(super) fn step(&self, at: StepAt) -> Option<&StepRun> {
        self.iterations.get(&at.iteration)?.steps.get(at.step_index)
    }

    /// All steps, in the order of iterations and steps.
    pub(super) fn steps(&self) -> impl Iterator<Item = (StepAt, &StepRun)> {
        self.iterations.iter().flat_map(|(iteration, held)| {
            let steps = held.steps.iter().enumerate();
            steps.map(|(step_index, step)| (StepAt { iteration: *iteration, step_index }, step))
        })
    }

    /// Keeps the result of an ended iteration.
    pub(super) fn ended(&mut self, number: u64, status: InstanceStatus) {
        self.over.insert(number, status);
        while self.over.len() > OVER_MAX {
            self.over.pop_first();
        }
    }

    pub(super) fn fold(&mut self, change: &Change) {
        if let Some(head) = &change.head {
            if head.run != self.head.run {
                self.shelve();
                self.failures.clear();
            }
            self.head = head.clone();
        }
        if let Some(params) = &change.params {
            self.params.clone_from(params);
        }
        for (number, values, steps) in &change.begun {
            self.iterations.insert(*number, Iteration::new(values.clone(), *steps));
        }
        for (number, step_index, step) in &change.steps {
            if let Some(slot) =
                self.iterations.get_mut(number).and_then(|iteration| iteration.steps.get_mut(*step_index))
            {
                slot.clone_from(step);
            }
        }
        for number in &change.ended {
            self.iterations.remove(number);
        }
        for (number, status) in &change.over {
            self.ended(*number, *status);
        }
        if let Some(cleanup) = &change.cleanup {
            self.cleanup.clone_from(cleanup);
        }
        self.failures.extend(change.failures.iter().cloned());
        self.timeline.extend(change.lines.iter().cloned());
        let old = self.timeline.len().saturating_sub(TIMELINE_MAX);
        self.timeline.drain(..old);
    }
}
