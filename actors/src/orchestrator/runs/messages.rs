//! The commands and queries of a run.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use troupe_runtime::{Address, command, query};
use troupe_workflows::Ordered;
use troupe_workflows::definition::{ParamDefinitions, ParamSource, Step, Workflow};
use troupe_workflows::params::Value;
use troupe_workflows::status::InstanceStatus;

use super::views::{IterationsView, LoopView, RunView};
use crate::stored::NamedFields;

/// The actor that receives a run's end.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Parent {
    /// Its kind decides [`Ended`].
    pub to: Address,
    /// The id by which the parent knows the run.
    pub id: String,
}

/// The work of a run: an instance, or iterations of a loop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A whole workflow, once.
    Instance {
        /// The version's definition.
        workflow: Box<Workflow>,
        /// The parameters of the start.
        params: ParamDefinitions,
        /// The source of these parameters.
        source: ParamSource,
        /// Whether a parent started it.
        upstream: bool,
        /// Whether its workflow has a concurrency limit of steps.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        bounded: bool,
    },
    /// A batch of a foreach's iterations.
    Foreach {
        /// The first iteration's number in the whole loop, from 0.
        from: u64,
        /// The loop parameters of each iteration.
        values: Vec<Ordered<Value>>,
        /// The concurrency limit of iterations.
        concurrency: u64,
        /// As for an instance.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        bounded: bool,
        /// The steps and parameters of this run that outer expressions use.
        #[serde(rename = "asked", default, skip_serializing_if = "Vec::is_empty")]
        requested_outputs: Vec<(String, String)>,
        /// The instance's concurrency limit of steps, loops included; `None` if it has no limit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        within: Option<u64>,
    },
    /// A while's iterations, one after the other.
    While {
        /// The loop continues while this holds.
        condition: String,
        /// The loop parameters of the first iteration.
        first: Ordered<Value>,
        /// As for an instance.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        bounded: bool,
        /// As for a foreach.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        within: Option<u64>,
    },
}

/// Begins a run; a second time it changes nothing.
#[command("begin.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    /// The workflow's id.
    pub workflow: String,
    /// Its version.
    pub version: u64,
    /// Its instance.
    pub instance: u64,
    /// The work of the run.
    pub kind: NamedFields<Kind>,
    /// The steps of each iteration; empty if they are the workflow's own.
    pub steps: NamedFields<Vec<Step>>,
    /// Values around a loop's steps, the nearest first.
    pub outer: NamedFields<Vec<Ordered<Value>>>,
    /// What started it, for people.
    pub initiator: NamedFields<Json>,
    /// The parameters of the signals that started it, by the signal's name.
    #[serde(default)]
    pub signals: BTreeMap<String, BTreeMap<String, String>>,
    /// The receiver of the run's end.
    pub parent: Option<Parent>,
    /// The ids of the steps that pause before they start.
    #[serde(default)]
    pub breakpoints: Vec<String>,
}

impl Begin {
    /// The steps of each iteration. An instance stores them once, in its workflow.
    pub(super) fn steps(&self) -> &[Step] {
        match &self.kind.0 {
            Kind::Instance { workflow, .. } if self.steps.0.is_empty() => &workflow.steps,
            _ => &self.steps.0,
        }
    }

    /// The instance's concurrency limit of steps, if it has a limit and loops. Without loops the run enforces the limit
    /// itself.
    pub(super) fn within(&self) -> Option<u64> {
        match &self.kind.0 {
            Kind::Instance { workflow, .. } => workflow
                .instance_step_concurrency
                .filter(|_| workflow.steps.iter().any(|step| !step.inner().is_empty())),
            Kind::Foreach { within, .. } | Kind::While { within, .. } => *within,
        }
    }

    /// Whether the workflow has a concurrency limit of steps.
    pub(super) fn is_bounded(&self) -> bool {
        match &self.kind.0 {
            Kind::Instance { bounded, .. } | Kind::Foreach { bounded, .. } | Kind::While { bounded, .. } => {
                *bounded
            }
        }
    }
}

/// Checks the due times and carries the run on; the run's own timer sends it.
#[command("tick.v1", repeatable)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Tick {}

/// Stops the run: it withdraws its requests and starts no further step.
#[command("stop.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// The reason, for people.
    #[serde(default)]
    pub why: String,
    /// Whether the end counts as failed rather than stopped.
    #[serde(default)]
    pub kill: bool,
}

/// An act on one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActOn {
    /// Stops the step.
    Stop,
    /// Fails the step finally.
    Kill,
    /// Counts the step as complete.
    Skip,
    /// Resumes the step from its breakpoint.
    Resume,
    /// Begins the next attempt now, also after a final failure or a stop while other steps run.
    Retry,
    /// Starts the step without the signals that it waits for.
    Bypass,
}

/// Acts on one step.
#[command("act.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Act {
    /// The step's id.
    pub step: String,
    /// The act.
    pub act: ActOn,
    /// The number of the step's iteration in this run; 0 for an instance.
    #[serde(rename = "lane", default)]
    pub iteration: u64,
    /// The acting user, for people.
    #[serde(default)]
    pub by: String,
}

/// Where a new run of an instance begins.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestartAt {
    /// With the steps that were not complete.
    Incomplete,
    /// With every step.
    Beginning,
    /// With this step and everything after it.
    Step(String),
}

/// Restarts an instance; refused while it runs.
#[command("restart.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// The number of the run that the restart makes, 2 or more. A resent restart has the same number and changes
    /// nothing.
    pub run: u64,
    /// Where it begins.
    pub at: RestartAt,
    /// Parameters that it sets.
    #[serde(default)]
    pub params: NamedFields<ParamDefinitions>,
    /// The restarting user, for people.
    #[serde(default)]
    pub by: String,
}

/// Forgets a run that has ended and that its workflow no longer lists.
#[command("forget.v1", repeatable)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forget {}

/// Ended iterations by result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Counts {
    /// Succeeded.
    pub succeeded: u64,
    /// Failed, timeouts included.
    pub failed: u64,
    /// Stopped.
    pub stopped: u64,
}

/// Reports a run's end to its parent, once for each run.
#[command("run-ended.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// The id by which the parent knows the run.
    pub id: String,
    /// The run's number.
    pub run: u64,
    /// The final status.
    pub status: NamedFields<InstanceStatus>,
    /// Iterations by result.
    pub counts: Counts,
    /// Why it did not succeed.
    pub why: String,
    /// For a while its last loop parameters; for another run the nested outputs that its parent uses.
    #[serde(default)]
    pub values: NamedFields<Ordered<Value>>,
}

/// Asks a run for the child run that carries an iteration of one of its loops.
#[query("loop.v1", reply = LoopView)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetLoop {
    /// The id of the foreach or while step.
    pub step: String,
    /// The number of that step's iteration in this run; 0 for an instance.
    #[serde(rename = "lane", default)]
    pub outer_iteration: u64,
    /// The iteration of the loop, from 0.
    pub iteration: u64,
}

/// Asks a loop's run for the results of its iterations.
#[query("iterations.v1", reply = IterationsView)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetIterations {}

/// Asks for the whole run.
#[query("get.v1", reply = RunView)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetRun {}

/// Asks for the summary of an earlier run, if it is still kept: times, and the status and attempts of each step.
#[query("past-run.v1", reply = RunView)]
#[derive(Debug, Clone, Copy, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GetPastRun {
    /// The run's number, from 1.
    pub run: u64,
}
