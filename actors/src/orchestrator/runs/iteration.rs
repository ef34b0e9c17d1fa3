//! One iteration: one pass through a list of steps. An instance has one iteration, a loop's run one for each value.

use serde::{Deserialize, Serialize};
use troupe_workflows::Ordered;
use troupe_workflows::graph::{Graph, RestartFrom, StepState, restart};
use troupe_workflows::params::Value;

use super::step_run::StepRun;

/// The progress of one iteration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Iteration {
    /// Its loop parameters.
    pub values: Ordered<Value>,
    /// By index in the definition.
    pub steps: Vec<StepRun>,
}

impl Iteration {
    /// An iteration before its first step.
    pub(super) fn new(values: Ordered<Value>, steps: usize) -> Self {
        Self { values, steps: vec![StepRun::default(); steps] }
    }

    /// The states from which the graph computes the next steps.
    pub(super) fn states(&self) -> Vec<StepState> {
        self.steps.iter().map(StepRun::state).collect()
    }

    /// Steps that run, wait, or will be retried; they count against the instance's concurrency limit.
    pub(super) fn unfinished(&self) -> usize {
        self.steps.iter().filter(|step| step.is_unfinished()).count()
    }

    /// The first step that failed, with its index.
    pub(super) fn first_failure(&self) -> Option<(usize, &StepRun)> {
        self.steps.iter().enumerate().find(|(_, step)| step.status().is_failure())
    }

    /// The iteration with which a restart begins. Complete steps keep their results unless the restart repeats them.
    pub(super) fn restarted(self, graph: &Graph, from: RestartFrom) -> Self {
        let states = restart(graph, &self.states(), from);
        let steps = self.steps.into_iter().zip(states);
        let steps =
            steps.map(|(step, state)| if state.status.is_complete() { step } else { step.restarted() });
        Self { values: self.values, steps: steps.collect() }
    }
}
