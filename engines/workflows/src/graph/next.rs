//! The next actions for the states of a list of steps.

use serde::{Deserialize, Serialize};

use super::Graph;
use crate::definition::FailureMode;
use crate::status::{InstanceStatus, StepStatus};

/// The state of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepState {
    /// A retryable failure means that a retry follows; [`settle`] gives the status without a retry.
    pub status: StepStatus,
    /// Of a complete step: for each edge of [`Graph::successors`] whether it is taken. Empty means all edges, for
    /// skipped and disabled steps: their conditions are not evaluated.
    pub edges_taken: Vec<bool>,
}

impl StepState {
    /// A step that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self { status: StepStatus::NotCreated, edges_taken: Vec::new() }
    }
}

impl Default for StepState {
    fn default() -> Self {
        Self::new()
    }
}

/// The next actions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Next {
    /// Indices of the steps to start.
    pub ready: Vec<usize>,
    /// Steps without a taken edge to them: they become `UNSATISFIED`, and their own edges are not taken.
    pub unsatisfied: Vec<usize>,
    /// Steps to stop, because a step failed with `FAIL_IMMEDIATELY`.
    pub stop: Vec<usize>,
    /// The final status of the instance, if it has ended.
    pub outcome: Option<InstanceStatus>,
}

/// The status of a step after an attempt. Without a retry the failure becomes final, and an ignored failure is
/// complete. Failures of the engine are never ignored.
#[must_use]
pub fn settle(status: StepStatus, has_retry: bool, mode: FailureMode) -> StepStatus {
    let settled = match status {
        _ if has_retry => return status,
        StepStatus::UserFailed | StepStatus::PlatformFailed => StepStatus::FatallyFailed,
        StepStatus::TimeoutFailed => StepStatus::TimedOut,
        other => other,
    };
    let failed = matches!(settled, StepStatus::FatallyFailed | StepStatus::TimedOut);
    if failed && mode == FailureMode::IgnoreFailure { StepStatus::CompletedWithError } else { settled }
}

/// The next actions for the states of all steps, by index. Pure: equal states give equal actions.
///
/// # Panics
/// If there are fewer states than steps.
#[must_use]
pub fn next(graph: &Graph, states: &[StepState]) -> Next {
    let mut next = Next::default();
    let failed = |index: usize| states[index].status.is_failure() && !states[index].status.is_retryable();
    let at_once =
        (0..graph.len()).any(|index| failed(index) && graph.mode(index) == FailureMode::FailImmediately);
    let mut unsatisfied = vec![false; graph.len()];
    for &index in graph.order() {
        if states[index].status != StepStatus::NotCreated {
            continue;
        }
        match arrival(graph, states, &unsatisfied, index) {
            Arrival::Waits => {}
            Arrival::Ready => {
                if !at_once {
                    next.ready.push(index);
                }
            }
            Arrival::Never => {
                unsatisfied[index] = true;
                next.unsatisfied.push(index);
            }
        }
    }
    next.ready.sort_unstable();
    next.unsatisfied.sort_unstable();
    let goes_on = |status: StepStatus| status.is_active() || status.is_retryable();
    if at_once {
        next.stop = (0..graph.len()).filter(|index| goes_on(states[*index].status)).collect();
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

fn arrival(graph: &Graph, states: &[StepState], unsatisfied: &[bool], index: usize) -> Arrival {
    let before = graph.predecessors(index);
    if before.is_empty() {
        return Arrival::Ready;
    }
    let mut led = false;
    for (from, edge) in before.iter().zip(graph.incoming(index)) {
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
        led |= state.edges_taken.is_empty() || state.edges_taken.get(*edge).copied().unwrap_or(false);
    }
    if led { Arrival::Ready } else { Arrival::Never }
}

/// The final status, by severity: failed, timed out, stopped.
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
    /// With all steps.
    Beginning,
    /// With the incomplete steps.
    Incomplete,
    /// With one step and all its descendants.
    Specific(usize),
}

/// The first states of a new run, from the last states of the run before.
#[must_use]
pub fn restart(graph: &Graph, states: &[StepState], from: RestartFrom) -> Vec<StepState> {
    let repeated = match from {
        RestartFrom::Specific(index) => {
            let mut repeated = graph.descendants(index);
            repeated.insert(index);
            repeated
        }
        _ => std::collections::HashSet::new(),
    };
    let keeps = |index: usize, state: &StepState| match from {
        RestartFrom::Beginning => false,
        // A step may have been unsatisfied because of an incomplete predecessor: it is reset below.
        RestartFrom::Incomplete | RestartFrom::Specific(_) => {
            state.status.is_complete() && !repeated.contains(&index)
        }
    };
    let mut next: Vec<StepState> = Vec::with_capacity(states.len());
    for (index, state) in states.iter().enumerate() {
        next.push(if keeps(index, state) { state.clone() } else { StepState::new() });
    }
    for &index in graph.order() {
        let open = graph.predecessors(index).iter().any(|before| !next[*before].status.is_complete());
        if next[index].status == StepStatus::Unsatisfied && open {
            next[index] = StepState::new();
        }
    }
    next
}
