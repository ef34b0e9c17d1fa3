//! What a command changed of a run: the fact that is stored and folded.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use troupe_runtime::Timestamp;
use troupe_workflows::Ordered;
use troupe_workflows::params::{Parameters, Value};
use troupe_workflows::status::InstanceStatus;

use super::lane::{Lane, StepRun};
use super::leftovers::Leftover;
use super::messages::Counts;
use super::past::PastRun;

/// Lines of a timeline that are kept.
const TIMELINE_MAX: usize = 200;
/// Iterations that are over and remembered: all of a stretch, the newest of a while.
const OVER_MAX: usize = 1_000;
/// Lanes that went wrong and are told of.
pub(super) const FAILURES_MAX: usize = 20;

/// What is known of a run beside its lanes and parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// How it is.
    pub status: InstanceStatus,
    /// Which run of it, from 1.
    pub run: u64,
    /// Where this run began, in Maestro's word.
    pub policy: String,
    /// When this run began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Why it did not succeed.
    pub why: String,
    /// Why and whether it is being stopped; true if it counts as failed.
    pub stopping: Option<(String, bool)>,
    /// The lane that begins next.
    pub next_lane: u64,
    /// There is more to do than one entry holds.
    pub more: bool,
    /// How lanes ended.
    pub counts: Counts,
    /// Loop parameters of a while's next lane; of a foreach what is asked of its steps.
    pub values: Ordered<Value>,
    /// When an instance has taken too long.
    pub until: Option<Timestamp>,
    /// Nobody asks for it any more: it goes with its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unasked: bool,
    /// The metadata are told of this run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recorded: bool,
    /// Steps that pause, since the run was told; before, those that it began with.
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
            next_lane: 0,
            more: false,
            counts: Counts::default(),
            values: Ordered::new(),
            until: None,
            unasked: false,
            recorded: false,
            breakpoints: None,
        }
    }
}

/// All of a run that changes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Live {
    pub(super) head: Head,
    pub(super) params: Parameters,
    pub(super) lanes: BTreeMap<u64, Lane>,
    /// How iterations that are over ended, the newest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) over: BTreeMap<u64, InstanceStatus>,
    pub(super) failures: Vec<(u64, String)>,
    pub(super) timeline: Vec<(Timestamp, String)>,
    /// Loops whose runs are to be forgotten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) leftovers: Vec<Leftover>,
    /// Runs before this one, oldest first.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub(super) past: VecDeque<PastRun>,
}

/// What one command changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Change {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    head: Option<Head>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    params: Option<Parameters>,
    /// Lanes that began, with their loop parameters and how many steps they have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    begun: Vec<(u64, Ordered<Value>, usize)>,
    /// Steps that changed, by lane and place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    steps: Vec<(u64, usize, StepRun)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ended: Vec<u64>,
    /// Iterations that are over, and how.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    over: Vec<(u64, InstanceStatus)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    failures: Vec<(u64, String)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lines: Vec<(Timestamp, String)>,
    /// Loops whose runs are still to be forgotten, all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    leftovers: Option<Vec<Leftover>>,
}

impl Change {
    /// From one to the other; none where they are the same. Of lanes that began and ended in between only how they ended is told.
    pub(super) fn between(before: &Live, after: &Live, lines: Vec<(Timestamp, String)>) -> Option<Self> {
        let mut change = Self {
            head: (before.head != after.head).then(|| after.head.clone()),
            params: (before.params != after.params).then(|| after.params.clone()),
            failures: after.failures[before.failures.len().min(after.failures.len())..].to_vec(),
            lines,
            leftovers: (before.leftovers != after.leftovers).then(|| after.leftovers.clone()),
            ..Self::default()
        };
        for (number, lane) in &after.lanes {
            let known = before.lanes.get(number).filter(|known| known.values == lane.values);
            if known.is_none() {
                change.begun.push((*number, lane.values.clone(), lane.steps.len()));
            }
            let fresh = StepRun::default();
            for (place, step) in lane.steps.iter().enumerate() {
                let was = known.and_then(|lane| lane.steps.get(place)).unwrap_or(&fresh);
                if was != step {
                    change.steps.push((*number, place, step.clone()));
                }
            }
        }
        change.ended =
            before.lanes.keys().filter(|number| !after.lanes.contains_key(number)).copied().collect();
        let fresh = after.over.iter().filter(|(number, _)| !before.over.contains_key(number));
        change.over = fresh.map(|(number, status)| (*number, *status)).collect();
        (change != Self::default()).then_some(change)
    }
}

impl Live {
    /// An iteration is over.
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
            self.lanes.insert(*number, Lane::new(values.clone(), *steps));
        }
        for (number, place, step) in &change.steps {
            if let Some(slot) = self.lanes.get_mut(number).and_then(|lane| lane.steps.get_mut(*place)) {
                slot.clone_from(step);
            }
        }
        for number in &change.ended {
            self.lanes.remove(number);
        }
        for (number, status) in &change.over {
            self.ended(*number, *status);
        }
        if let Some(leftovers) = &change.leftovers {
            self.leftovers.clone_from(leftovers);
        }
        self.failures.extend(change.failures.iter().cloned());
        self.timeline.extend(change.lines.iter().cloned());
        let old = self.timeline.len().saturating_sub(TIMELINE_MAX);
        self.timeline.drain(..old);
    }
}
