//! What a run can be told and asked.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use troupe_runtime::{Address, Command, Query, Timestamp};
use troupe_workflows::Ordered;
use troupe_workflows::definition::{ParamDefinitions, ParamSource, Step, Workflow};
use troupe_workflows::params::{Parameters, Value};
use troupe_workflows::status::{InstanceStatus, StepStatus};

use super::lane::Attempt;
use crate::stored::NamedFields;

/// Who is told of a run's end.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Parent {
    /// Its kind decides [`Ended`].
    pub to: Address,
    /// By which it knows the run.
    pub id: String,
}

/// What a run runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A whole workflow, once.
    Instance {
        /// The version's definition.
        workflow: Box<Workflow>,
        /// What the start sets.
        params: ParamDefinitions,
        /// Who set it.
        source: ParamSource,
        /// Whether a parent started it.
        upstream: bool,
        /// Whether its workflow bounds how many of its steps run at once.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        bounded: bool,
    },
    /// A stretch of a foreach's iterations.
    Foreach {
        /// The number of the first.
        from: u64,
        /// Each one's loop parameters.
        values: Vec<Ordered<Value>>,
        /// How many run at once.
        concurrency: u64,
        /// As its instance.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        bounded: bool,
        /// Steps and their parameters that the run around it asks for.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        asked: Vec<(String, String)>,
        /// How many steps of the instance work at once, loops included; none if it bounds none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        within: Option<u64>,
    },
    /// A while's iterations, one after the other.
    While {
        /// Goes on while this holds.
        condition: String,
        /// Loop parameters of the first.
        first: Ordered<Value>,
        /// As its instance.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        bounded: bool,
        /// As for a foreach.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        within: Option<u64>,
    },
}

/// Begins a run; a second time it changes nothing.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    /// The workflow.
    pub workflow: String,
    /// Its version.
    pub version: u64,
    /// Its instance.
    pub instance: u64,
    /// What it runs.
    pub kind: NamedFields<Kind>,
    /// The steps of each lane; empty where they are the workflow's own.
    pub steps: NamedFields<Vec<Step>>,
    /// Values around a loop's steps, the nearest first.
    pub outer: NamedFields<Vec<Ordered<Value>>>,
    /// Who or what started it, for people.
    pub initiator: NamedFields<Json>,
    /// Signals that started it, by name: their parameters.
    #[serde(default)]
    pub signals: BTreeMap<String, BTreeMap<String, String>>,
    /// Who is told of its end.
    pub parent: Option<Parent>,
    /// Steps that pause when they come to start.
    #[serde(default)]
    pub breakpoints: Vec<String>,
}

impl Begin {
    /// The steps of each lane. Those of an instance are its workflow's, and are not written a second time.
    pub(super) fn steps(&self) -> &[Step] {
        match &self.kind.0 {
            Kind::Instance { workflow, .. } if self.steps.0.is_empty() => &workflow.steps,
            _ => &self.steps.0,
        }
    }

    /// How many steps of its instance work at once, where it bounds them and has loops: those of an instance without are
    /// counted where they are.
    pub(super) fn within(&self) -> Option<u64> {
        match &self.kind.0 {
            Kind::Instance { workflow, .. } => workflow
                .instance_step_concurrency
                .filter(|_| workflow.steps.iter().any(|step| !step.inner().is_empty())),
            Kind::Foreach { within, .. } | Kind::While { within, .. } => *within,
        }
    }

    /// Whether its workflow bounds how many of its steps run at once.
    pub(super) fn is_bounded(&self) -> bool {
        match &self.kind.0 {
            Kind::Instance { bounded, .. } | Kind::Foreach { bounded, .. } | Kind::While { bounded, .. } => {
                *bounded
            }
        }
    }
}

impl Command for Begin {
    const VERB: &'static str = "begin.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Looks at the clock and goes on; its own timer tells it.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Tick {}

impl Command for Tick {
    const VERB: &'static str = "tick.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Stops it: what runs is taken back, and nothing more starts.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// Why, for people.
    #[serde(default)]
    pub why: String,
    /// Whether it counts as failed rather than as stopped.
    #[serde(default)]
    pub kill: bool,
}

impl Command for Stop {
    const VERB: &'static str = "stop.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// What is done with one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActOn {
    /// It is stopped.
    Stop,
    /// It has failed for good.
    Kill,
    /// It counts as complete.
    Skip,
    /// It goes on from its breakpoint.
    Resume,
    /// Its next attempt begins now, also of one that failed for good or was stopped while others run.
    Retry,
    /// It starts although its signals have not come.
    Bypass,
}

/// Acts on one step.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Act {
    /// The step.
    pub step: String,
    /// What is done.
    pub act: ActOn,
    /// In which lane; the only one of an instance if absent.
    #[serde(default)]
    pub lane: u64,
    /// Who does it, for people.
    #[serde(default)]
    pub by: String,
}

impl Command for Act {
    const VERB: &'static str = "act.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
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

/// Runs an instance anew; refused while it runs.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// Which restart this is, so that one that is told twice happens once: the run that it makes, 2 or more.
    pub run: u64,
    /// Where it begins.
    pub at: RestartAt,
    /// Parameters that it sets.
    #[serde(default)]
    pub params: NamedFields<ParamDefinitions>,
    /// Who does it, for people.
    #[serde(default)]
    pub by: String,
}

impl Command for Restart {
    const VERB: &'static str = "restart.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Forgets a run that is over; its workflow does not know it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forget {}

impl Command for Forget {
    const VERB: &'static str = "forget.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// How many lanes ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Counts {
    /// Well.
    pub succeeded: u64,
    /// Badly, time-outs included.
    pub failed: u64,
    /// By being stopped.
    pub stopped: u64,
}

/// Tells a parent of a run's end, once for each run.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// By which the parent knows it.
    pub id: String,
    /// Which run of it.
    pub run: u64,
    /// How.
    pub status: NamedFields<InstanceStatus>,
    /// By lanes.
    pub counts: Counts,
    /// Why it did not succeed.
    pub why: String,
    /// Loop parameters at the end of a while; of another run what its parent asks of its steps.
    #[serde(default)]
    pub values: NamedFields<Ordered<Value>>,
}

impl Command for Ended {
    const VERB: &'static str = "run-ended.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// One step, for people.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct StepView {
    /// The step.
    pub id: String,
    /// What it is: `NoOp`, `foreach`.
    pub sort: String,
    /// Where it is.
    pub status: NamedFields<StepStatus>,
    /// Attempts begun.
    pub attempt: u32,
    /// When this attempt began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Why it failed, or what it waits for.
    pub why: String,
    /// How far its task is.
    pub progress: Option<(String, Option<f64>)>,
    /// What its parameters came to.
    pub params: NamedFields<Parameters>,
    /// What came of it.
    pub output: NamedFields<Json>,
    /// Attempts before this one.
    pub history: Vec<Attempt>,
    /// Steps that follow, and whether the way was taken, once that is known.
    pub next: Vec<(String, Option<bool>)>,
    /// Of a loop: iterations, and how they ended.
    pub iterations: Option<(u64, Counts)>,
    /// Runs that it has started and that are not over.
    pub children: Vec<String>,
}

/// One pass through the steps.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct LaneView {
    /// Its number.
    pub lane: u64,
    /// Its loop parameters.
    pub values: NamedFields<Ordered<Value>>,
    /// In the order of the definition.
    pub steps: Vec<StepView>,
}

/// Asks a run which run carries an iteration of one of its loops.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetLoop {
    /// The foreach or while.
    pub step: String,
    /// In which lane; the only one of an instance if absent.
    #[serde(default)]
    pub lane: u64,
    /// The iteration, from 0.
    pub iteration: u64,
}

/// The answer to [`GetLoop`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct LoopView {
    /// Iterations in all; 0 where nobody knows beforehand.
    pub total: u64,
    /// How those ended that are over.
    pub counts: Counts,
    /// The key of the run that carries the iteration; none if it has not begun.
    pub key: Option<String>,
    /// The first iteration of that run, and the first of the run after it.
    pub range: (u64, u64),
}

impl Query for GetLoop {
    const VERB: &'static str = "loop.v1";
    type Reply = LoopView;
}

/// Asks a loop's run how its iterations ended.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetIterations {}

/// The answer to [`GetIterations`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct IterationsView {
    /// Those that are over, in their order, numbered as in the whole loop: all of a foreach's, the newest 1000 of a while's.
    pub over: Vec<(u64, NamedFields<InstanceStatus>)>,
    /// Those that run.
    pub running: Vec<u64>,
    /// The first that went wrong, and why.
    pub failures: Vec<(u64, String)>,
}

impl Query for GetIterations {
    const VERB: &'static str = "iterations.v1";
    type Reply = IterationsView;
}

/// Asks for everything.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetRun {}

/// Asks for an earlier run of the instance, as far as it is kept: its times, and how each step and its attempts ended.
#[derive(Debug, Clone, Copy, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GetPastRun {
    /// Which, from 1.
    pub run: u64,
}

impl Query for GetPastRun {
    const VERB: &'static str = "past-run.v1";
    type Reply = RunView;
}

/// The answer to [`GetRun`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct RunView {
    /// The workflow, its version and instance; none if it never began.
    pub of: Option<(String, u64, u64)>,
    /// Which run of it, from 1.
    pub run: u64,
    /// How it is.
    pub status: NamedFields<InstanceStatus>,
    /// Why it did not succeed.
    pub why: String,
    /// When it was created.
    pub created: Timestamp,
    /// When this run began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Who or what started it.
    pub initiator: NamedFields<Json>,
    /// Signals that started it.
    pub signals: BTreeMap<String, BTreeMap<String, String>>,
    /// What its parameters came to.
    pub params: NamedFields<Parameters>,
    /// Lanes that run, and those of an instance that is over.
    pub lanes: Vec<LaneView>,
    /// How lanes ended.
    pub counts: Counts,
    /// The first that went wrong.
    pub failures: Vec<(u64, String)>,
    /// What happened, oldest first.
    pub timeline: Vec<(Timestamp, String)>,
}

impl Query for GetRun {
    const VERB: &'static str = "get.v1";
    type Reply = RunView;
}
