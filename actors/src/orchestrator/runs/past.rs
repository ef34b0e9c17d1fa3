//! Earlier runs of an instance, in short: when and how each ended, and how far its steps were.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use troupe_runtime::entity::Answer;
use troupe_runtime::{Context, Refused, Timestamp};
use troupe_workflows::status::{InstanceStatus, StepStatus};

use super::answers::view;
use super::change::{Head, Live};
use super::lane::{Attempt, StepRun};
use super::messages::{Begin, GetPastRun, LaneView, RunView};
use super::state::WorkflowRun;
use crate::stored::NamedFields;

/// Earlier runs that are kept, and attempts at steps of all of them.
const RUNS_MAX: usize = 20;
const ATTEMPTS_MAX: usize = 1_000;
const WHY_CHARS_MAX: usize = 120;

/// A run that another one followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct PastRun {
    run: u64,
    status: InstanceStatus,
    started: Timestamp,
    ended: Option<Timestamp>,
    why: String,
    /// By place in the definition.
    steps: Vec<PastStep>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct PastStep {
    status: StepStatus,
    attempt: u32,
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
    why: String,
    /// Attempts of this run before the last.
    history: Vec<Attempt>,
}

impl PastStep {
    /// A step with what is kept of it.
    fn step(&self) -> StepRun {
        StepRun {
            status: self.status,
            attempt: self.attempt,
            started: self.started,
            ended: self.ended,
            why: self.why.clone(),
            history: self.history.clone(),
            ..StepRun::default()
        }
    }
}

impl PastRun {
    fn of(head: &Head, steps: &[StepRun]) -> Self {
        let cut = |why: &str| why.chars().take(WHY_CHARS_MAX).collect::<String>();
        let step = |step: &StepRun| {
            let own = step.history.iter().filter(|one| one.started >= head.started);
            PastStep {
                status: step.status,
                attempt: step.attempt,
                started: step.started,
                ended: step.ended,
                why: cut(&step.why),
                history: own.map(|one| Attempt { why: cut(&one.why), ..one.clone() }).collect(),
            }
        };
        Self {
            run: head.run,
            status: head.status,
            started: head.started,
            ended: head.ended,
            why: head.why.clone(),
            steps: steps.iter().map(step).collect(),
        }
    }

    fn attempts(&self) -> usize {
        self.steps.iter().map(|step| 1 + step.history.len()).sum()
    }
}

/// Attempts that earlier runs hold.
pub(super) fn attempts(past: &VecDeque<PastRun>) -> usize {
    past.iter().map(PastRun::attempts).sum()
}

impl Live {
    /// Another run is about to follow this one.
    pub(super) fn shelve(&mut self) {
        if self.head.run == 0 {
            return;
        }
        let steps = self.lanes.get(&0).map_or(&[][..], |lane| &lane.steps);
        self.past.push_back(PastRun::of(&self.head, steps));
        while self.past.len() > 1 && (self.past.len() > RUNS_MAX || attempts(&self.past) > ATTEMPTS_MAX) {
            self.past.pop_front();
        }
    }
}

impl Answer<GetPastRun> for WorkflowRun {
    fn answer(&self, ask: &GetPastRun, _ctx: &Context<'_>) -> Result<RunView, Refused> {
        let live = &self.live.0;
        let Some(past) = live.past.iter().find(|past| past.run == ask.run) else {
            let why = format!("the instance is at run {}, and run {} is not kept", live.head.run, ask.run);
            return Err(Refused::field("NO_RUN", "run", why));
        };
        let begun = self.begun.as_deref();
        let defined = begun.map_or(&[][..], Begin::steps);
        let steps = defined.iter().zip(&past.steps).map(|(defined, step)| view(defined, &step.step()));
        Ok(RunView {
            of: begun.map(|begun| (begun.workflow.clone(), begun.version, begun.instance)),
            run: past.run,
            status: NamedFields(past.status),
            why: past.why.clone(),
            created: self.created,
            started: past.started,
            ended: past.ended,
            initiator: begun.map(|begun| begun.initiator.clone()).unwrap_or_default(),
            signals: begun.map(|begun| begun.signals.clone()).unwrap_or_default(),
            params: NamedFields::default(),
            lanes: vec![LaneView { lane: 0, values: NamedFields::default(), steps: steps.collect() }],
            counts: super::messages::Counts::default(),
            failures: Vec::new(),
            timeline: Vec::new(),
        })
    }
}
