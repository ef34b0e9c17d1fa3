//! What a stage asks for when it begins, as data: a stage never changes the run itself.

use serde_json::{Map, Value};
use troupe_runtime::{Address, Timestamp};

use super::definition::RollbackTo;
use super::run::{Change, Wait};
use crate::canary_analysis::StartFor;
use crate::coordination::work_queues::Offer;
use crate::delivery::pipelines::RunFor;
use crate::delivery::traffic::SetTraffic;
use crate::models;

/// A command to another entity that later answers the stage.
pub(super) enum Request {
    Traffic(Box<SetTraffic>),
    Canary(Box<StartFor>),
    Task(Box<Offer>),
    Pipeline(Box<RunFor>),
}

/// One step of a plan.
pub(super) enum Step {
    Change(Change),
    /// Words for the console, and values for the context.
    Output(String, Map<String, Value>),
    Tell(Address, Request),
    /// Returns the traffic of a model to its champion, with the reason.
    GiveBack(String, &'static str),
    /// Moves a version of a model, under the id of the answer.
    Move(String, u32, models::Stage, String),
    /// Moves an unwanted version of a model, under the id of the answer.
    SetAside(String, u32, RollbackTo, String),
}

/// How a stage stands after the steps of its plan.
pub(super) enum Outcome {
    Done,
    /// Waits, until the time if there is one.
    Wait(Wait, Option<Timestamp>),
    /// Needs something that may not have arrived yet: the stage begins again later, or fails with this reason.
    Retry(String),
    Failed(String),
}

/// Steps in order, then the outcome.
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    pub(super) outcome: Outcome,
}

impl Plan {
    pub(super) const fn of(outcome: Outcome) -> Self {
        Self { steps: Vec::new(), outcome }
    }

    pub(super) fn wait(steps: Vec<Step>, wait: Wait) -> Self {
        Self { steps, outcome: Outcome::Wait(wait, None) }
    }
}
