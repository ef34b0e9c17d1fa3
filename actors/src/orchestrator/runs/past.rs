//! Summaries of an instance's earlier runs: times, status, and the status and attempts of each step.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use troupe_runtime::entity::Answer;
use troupe_runtime::text::cut;
use troupe_runtime::{Context, Refused, Timestamp};
use troupe_workflows::status::{InstanceStatus, StepStatus};

use super::answers::view;
use super::change::{Head, Live};
use super::messages::{Begin, Counts, GetPastRun};
use super::state::WorkflowRun;
use super::step_run::{Attempt, StepRun};
use super::views::{IterationView, RunView};
use crate::stored::NamedFields;

/// Retention of earlier runs: their count, and the attempts of all their steps.
const RUNS_MAX: usize = 20;
const ATTEMPTS_MAX: usize = 1_000;
const WHY_CHARS_MAX: usize = 120;

/// The summary of a run that another one followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct PastRun {
    run: u64,
    status: InstanceStatus,
    started: Timestamp,
    ended: Option<Timestamp>,
    why: String,
    /// By index in the definition.
    steps: Vec<PastStep>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct PastStep {
    status: StepStatus,
    attempt: u32,
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
    why: String,
    /// Attempts of this run before its last one.
    history: Vec<Attempt>,
}

impl PastStep {
    /// The step with the fields that the summary keeps.
    fn step(&self) -> StepRun {
        let mut step = StepRun::with_status(self.status);
        step.attempt = self.attempt;
        (step.started, step.ended) = (self.started, self.ended);
        step.why.clone_from(&self.why);
        step.history.clone_from(&self.history);
        step
    }
}

impl PastRun {
    fn of(head: &Head, steps: &[StepRun]) -> Self {
        let step = |step: &StepRun| {
            let own = step.history.iter().filter(|one| one.started >= head.started);
            PastStep {
                status: step.status(),
                attempt: step.attempt,
                started: step.started,
                ended: step.ended,
                why: cut(&step.why, WHY_CHARS_MAX),
                history: own
                    .map(|one| Attempt { why: cut(&one.why, WHY_CHARS_MAX), ..one.clone() })
                    .collect(),
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

/// Attempts that the summaries contain.
pub(super) fn attempts(past: &VecDeque<PastRun>) -> usize {
    past.iter().map(PastRun::attempts).sum()
}

impl Live {
    /// Adds the summary of the present run, before another run follows it.
    pub(super) fn shelve(&mut self) {
        if self.head.run == 0 {
            return;
        }
        let steps = self.iterations.get(&0).map_or(&[][..], |iteration| &iteration.steps);
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
        let definitions = begun.map_or(&[][..], Begin::steps);
        let steps =
            definitions.iter().zip(&past.steps).map(|(definition, step)| view(definition, &step.step()));
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
            iterations: vec![IterationView {
                iteration: 0,
                values: NamedFields::default(),
                steps: steps.collect(),
            }],
            counts: Counts::default(),
            failures: Vec::new(),
            timeline: Vec::new(),
        })
    }
}
