//! The state of one step, and every transition of its status.
//!
//! The status is private to this module: other modules call the transition methods. Each method returns false and
//! changes nothing if `transitions` does not allow it.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use troupe_runtime::Timestamp;
use troupe_workflows::Ordered;
use troupe_workflows::graph::StepState;
use troupe_workflows::params::{Parameters, Value};
use troupe_workflows::retries::FailureKind;
use troupe_workflows::status::StepStatus;

use super::loop_run::LoopRun;
use super::transitions::is_allowed;

/// Earlier attempts that a step keeps.
pub(super) const HISTORY_MAX: usize = 20;

/// An attempt that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Attempt {
    /// Its number, from 1.
    pub attempt: u32,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// Its last status, in Maestro's word.
    pub status: String,
    /// The reason of that status.
    pub why: String,
}

/// A signal that a step waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Awaited {
    /// Its name.
    pub name: String,
    /// Conditions on its parameters: operator and value by name.
    pub wanted: Ordered<(String, Value)>,
    /// The parameters of the signal that arrived.
    pub came: Option<BTreeMap<String, String>>,
}

/// The state of one step of an iteration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StepRun {
    status: StepStatus,
    /// For each outgoing edge whether it is taken; empty before completion.
    #[serde(rename = "ways")]
    pub edges_taken: Vec<bool>,
    /// Attempts begun.
    pub attempt: u32,
    /// Failures so far: user, platform, timeout.
    pub failures: [u32; 3],
    /// When this attempt began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// When a sleep ends or the next attempt begins.
    pub due: Option<Timestamp>,
    /// The deadline of this attempt.
    pub until: Option<Timestamp>,
    /// The reason of the status: a failure, or what the step waits for.
    pub why: String,
    /// The progress of its task: text, and share from 0 to 1.
    pub progress: Option<(String, Option<f64>)>,
    /// Its evaluated parameters.
    pub params: Parameters,
    /// The result of its task.
    pub output: Json,
    /// Earlier attempts.
    pub history: Vec<Attempt>,
    /// Its child runs.
    pub looping: Option<LoopRun>,
    /// Signals that it waits for.
    pub awaited: Vec<Awaited>,
    /// It was resumed from its breakpoint and does not pause there again.
    pub resumed: bool,
    /// Permits that this attempt needs, in the order of their requests, and whether it holds them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permits: Vec<(String, bool)>,
}

impl Default for StepRun {
    fn default() -> Self {
        Self {
            status: StepStatus::NotCreated,
            edges_taken: Vec::new(),
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
    /// The status, in Maestro's word.
    #[must_use]
    pub const fn status(&self) -> StepStatus {
        self.status
    }

    /// A step with this status and no other fields: for views of earlier runs, and tests.
    pub(super) fn with_status(status: StepStatus) -> Self {
        Self { status, ..Self::default() }
    }

    /// The state from which the graph computes the next steps.
    pub(super) fn state(&self) -> StepState {
        StepState { status: self.status, edges_taken: self.edges_taken.clone() }
    }

    /// Whether it runs, waits, or will be retried.
    pub(super) fn is_unfinished(&self) -> bool {
        self.status.is_active() || self.status.is_retryable()
    }

    /// When the run's timer must look at it next.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        if self.is_unfinished() { [self.due, self.until].into_iter().flatten().min() } else { None }
    }

    /// Whether it is past its deadline.
    pub(super) fn is_late(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now) && self.status.is_active()
    }

    /// The step as a restart begins it. Ids contain the attempt's number: a later run must not reuse an earlier one's.
    pub(super) fn restarted(self) -> Self {
        Self { attempt: self.attempt, history: self.history, ..Self::default() }
    }

    pub(super) fn enter(&mut self, to: StepStatus) -> bool {
        let allowed = is_allowed(self.status, to);
        if allowed {
            self.status = to;
        }
        allowed
    }

    /// Enters a status in which the attempt is over.
    fn enter_end(&mut self, to: StepStatus, now: Timestamp) -> bool {
        let entered = self.enter(to);
        if entered {
            (self.ended, self.until, self.progress) = (Some(now), None, None);
        }
        entered
    }

    /// Begins the next attempt. The ended attempt before it moves to the history.
    pub(super) fn start(&mut self, now: Timestamp) -> bool {
        let before = self.status;
        if !self.enter(StepStatus::Created) {
            return false;
        }
        if let (1.., Some(ended)) = (self.attempt, self.ended) {
            self.history.push(Attempt {
                attempt: self.attempt,
                started: self.started.unwrap_or(now),
                ended,
                status: before.word().to_owned(),
                why: self.why.clone(),
            });
            let old = self.history.len().saturating_sub(HISTORY_MAX);
            self.history.drain(..old);
        }
        *self = Self {
            status: self.status,
            attempt: self.attempt + 1,
            failures: self.failures,
            started: Some(now),
            history: std::mem::take(&mut self.history),
            resumed: self.resumed,
            ..Self::default()
        };
        true
    }

    /// Pauses the attempt at a breakpoint.
    pub(super) fn pause(&mut self) -> bool {
        let entered = self.enter(StepStatus::Paused);
        if entered {
            self.why = "it waits at a breakpoint".to_owned();
        }
        entered
    }

    /// Resumes a paused step: its start counts as the same attempt and passes the breakpoint.
    pub(super) fn resume(&mut self) -> bool {
        let paused = self.status == StepStatus::Paused;
        if paused {
            self.resumed = true;
            self.attempt -= 1;
        }
        paused
    }

    /// Waits for signals.
    pub(super) fn await_signals(&mut self, awaited: Vec<Awaited>) -> bool {
        let entered = self.enter(StepStatus::WaitingForSignals);
        if entered {
            let names: Vec<&str> = awaited.iter().map(|one| one.name.as_str()).collect();
            self.why = format!("it waits for {}", names.join(", "));
            self.awaited = awaited;
        }
        entered
    }

    /// Waits for the first permit that the attempt lacks, and returns its name; `None` if it holds all.
    pub(super) fn await_permit(&mut self) -> Option<String> {
        let (tag, _) = self.permits.iter().find(|(_, held)| !held)?.clone();
        self.enter(StepStatus::WaitingForPermits).then(|| {
            self.why = format!("it waits for a permit of {tag}");
            tag
        })
    }

    /// Begins the work of the attempt.
    pub(super) fn run(&mut self) -> bool {
        let entered = self.enter(StepStatus::Running);
        if entered {
            self.why = String::new();
        }
        entered
    }

    /// Completes the attempt.
    pub(super) fn succeed(&mut self, now: Timestamp) -> bool {
        let entered = self.enter_end(StepStatus::Succeeded, now);
        if entered {
            self.due = None;
        }
        entered
    }

    /// Fails the attempt with the settled status; with `retry_at` the next attempt follows then.
    pub(super) fn fail(
        &mut self,
        settled: StepStatus,
        why: String,
        (retry_at, now): (Option<Timestamp>, Timestamp),
    ) -> bool {
        let entered = self.enter_end(settled, now);
        if entered {
            (self.why, self.due) = (why, retry_at);
        }
        entered
    }

    /// Stops the attempt, or the wait for its retry. A killed step counts as failed.
    pub(super) fn halt(&mut self, kill: bool, why: String, now: Timestamp) -> bool {
        let to = if kill { StepStatus::FatallyFailed } else { StepStatus::Stopped };
        let entered = self.enter_end(to, now);
        if entered {
            (self.why, self.due) = (why, None);
        }
        entered
    }

    /// Skips the step: it counts as complete, and all its edges are taken.
    pub(super) fn skip(&mut self, by: &str, now: Timestamp) -> bool {
        let entered = self.enter(StepStatus::Skipped);
        if entered {
            (self.ended, self.due, self.until) = (Some(now), None, None);
            self.why = format!("skipped by {by}");
        }
        entered
    }

    /// Marks a step that no taken edge leads to; none of its edges is taken.
    pub(super) fn mark_unsatisfied(&mut self, edges: usize) -> bool {
        let entered = self.enter(StepStatus::Unsatisfied);
        if entered {
            self.edges_taken = vec![false; edges];
        }
        entered
    }

    /// Failures of a kind before this one.
    pub(super) const fn failures_of(&self, kind: FailureKind) -> u32 {
        self.failures[number(kind)]
    }

    pub(super) const fn count_failure(&mut self, kind: FailureKind) {
        self.failures[number(kind)] += 1;
    }
}

const fn number(kind: FailureKind) -> usize {
    match kind {
        FailureKind::User => 0,
        FailureKind::Platform => 1,
        FailureKind::Timeout => 2,
    }
}
