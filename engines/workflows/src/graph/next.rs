//! What follows from the steps' states.

use serde::{Deserialize, Serialize};

use super::Graph;
use crate::definition::FailureMode;
use crate::status::{InstanceStatus, StepStatus};

/// What is known of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepState {
    /// A retryable failure stands for a step that will be tried again; see [`settle`] for one that will not.
    pub status: StepStatus,
    /// Of a complete step: which of its ways are taken, in the order of [`Graph::successors`]. Empty means all of
    /// them, for steps whose conditions nobody evaluates (skipped, disabled).
    pub ways: Vec<bool>,
}

impl StepState {
    /// A step that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self { status: StepStatus::NotCreated, ways: Vec::new() }
    }
}

impl Default for StepState {
    fn default() -> Self {
        Self::new()
    }
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Next {
    /// Steps to start, by place.
    pub ready: Vec<usize>,
    /// Steps that no way leads to: they become `UNSATISFIED` now, and their own ways are not taken.
    pub unsatisfied: Vec<usize>,
    /// Steps to stop, because one failed that fails the instance at once.
    pub stop: Vec<usize>,
    /// How the instance has ended, if it has.
    pub outcome: Option<InstanceStatus>,
}

/// The status of a step whose attempt has ended: what is not tried again settles, and an ignored failure is complete.
/// The engine's own failures are never ignored.
#[must_use]
pub fn settle(status: StepStatus, tried_again: bool, mode: FailureMode) -> StepStatus {
    let settled = match status {
        _ if tried_again => return status,
        StepStatus::UserFailed | StepStatus::PlatformFailed => StepStatus::FatallyFailed,
        StepStatus::TimeoutFailed => StepStatus::TimedOut,
        other => other,
    };
    let failed = matches!(settled, StepStatus::FatallyFailed | StepStatus::TimedOut);
    if failed && mode == FailureMode::IgnoreFailure { StepStatus::CompletedWithError } else { settled }
}

/// What follows from the states of all steps, by place. A pure function: the same states give the same answer.
///
/// # Panics
/// If there are fewer states than steps.
#[must_use]
pub fn next(graph: &Graph, states: &[StepState]) -> Next {
    let mut next = Next::default();
    let failed = |place: usize| states[place].status.is_failure() && !states[place].status.is_retryable();
    let at_once =
        (0..graph.len()).any(|place| failed(place) && graph.mode(place) == FailureMode::FailImmediately);
    let mut unsatisfied = vec![false; graph.len()];
    for &place in graph.order() {
        if states[place].status != StepStatus::NotCreated {
            continue;
        }
        match arrival(graph, states, &unsatisfied, place) {
            Arrival::Waits => {}
            Arrival::Ready => {
                if !at_once {
                    next.ready.push(place);
                }
            }
            Arrival::Never => {
                unsatisfied[place] = true;
                next.unsatisfied.push(place);
            }
        }
    }
    next.ready.sort_unstable();
    next.unsatisfied.sort_unstable();
    let goes_on = |status: StepStatus| status.is_active() || status.is_retryable();
    if at_once {
        next.stop = (0..graph.len()).filter(|place| goes_on(states[*place].status)).collect();
    }
    if next.ready.is_empty() && !states.iter().any(|state| goes_on(state.status)) {
        next.outcome = Some(outcome(states));
    }
    next
}

enum Arrival {
    Waits,
    Ready,
    Never,
}

fn arrival(graph: &Graph, states: &[StepState], unsatisfied: &[bool], place: usize) -> Arrival {
    let before = graph.predecessors(place);
    if before.is_empty() {
        return Arrival::Ready;
    }
    let mut led = false;
    for (from, way) in before.iter().zip(graph.ways(place)) {
        if unsatisfied[*from] {
            continue;
        }
        let state = &states[*from];
        if !state.status.is_complete() {
            return Arrival::Waits;
        }
        if state.status == StepStatus::Unsatisfied {
            continue;
        }
        led |= state.ways.is_empty() || state.ways.get(*way).copied().unwrap_or(false);
    }
    if led { Arrival::Ready } else { Arrival::Never }
}

/// Failed is worse than timed out, and that worse than stopped.
fn outcome(states: &[StepState]) -> InstanceStatus {
    let any = |wanted: &[StepStatus]| states.iter().any(|state| wanted.contains(&state.status));
    if any(&[StepStatus::FatallyFailed, StepStatus::InternallyFailed]) {
        InstanceStatus::Failed
    } else if any(&[StepStatus::TimedOut]) {
        InstanceStatus::TimedOut
    } else if any(&[StepStatus::Stopped]) {
        InstanceStatus::Stopped
    } else {
        InstanceStatus::Succeeded
    }
}

/// Where a new run of an instance begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestartFrom {
    /// With every step anew.
    Beginning,
    /// With the steps that were not complete.
    Incomplete,
    /// With one step and everything after it.
    Specific(usize),
}

/// The states that a new run begins with, from those that the last run ended with.
#[must_use]
pub fn restart(graph: &Graph, states: &[StepState], from: RestartFrom) -> Vec<StepState> {
    let anew = match from {
        RestartFrom::Specific(place) => {
            let mut anew = graph.descendants(place);
            anew.insert(place);
            anew
        }
        _ => std::collections::HashSet::new(),
    };
    let keeps = |place: usize, state: &StepState| match from {
        RestartFrom::Beginning => false,
        // What was unsatisfied because of a step that did not complete may be satisfied now.
        RestartFrom::Incomplete | RestartFrom::Specific(_) => {
            state.status.is_complete() && !anew.contains(&place)
        }
    };
    let mut next: Vec<StepState> = Vec::with_capacity(states.len());
    for (place, state) in states.iter().enumerate() {
        next.push(if keeps(place, state) { state.clone() } else { StepState::new() });
    }
    for &place in graph.order() {
        let open = graph.predecessors(place).iter().any(|before| !next[*before].status.is_complete());
        if next[place].status == StepStatus::Unsatisfied && open {
            next[place] = StepState::new();
        }
    }
    next
}
