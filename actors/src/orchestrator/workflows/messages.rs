//! What a workflow can be told and asked.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use troupe_runtime::{Command, Query, Timestamp};
use troupe_workflows::definition::{ParamDefinitions, ParamSource, Properties};
use troupe_workflows::status::InstanceStatus;

use crate::orchestrator::runs::{Counts, Parent, RestartAt};
use crate::stored::{NamedFields, OptionalTail};

/// Adds a version, or with the definition of the newest none.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Push {
    /// The whole submission as Maestro's JSON: `properties`, `workflow`, `is_active`.
    pub definition: NamedFields<Json>,
    /// Who pushes it, for people.
    #[serde(default)]
    pub by: String,
}

/// The answer to [`Push`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Pushed {
    /// The version.
    pub version: u64,
    /// Whether it is new.
    pub fresh: bool,
}

impl Command for Push {
    const VERB: &'static str = "push.v1";
    type Reply = Pushed;
    const REPEATABLE: bool = true;
}

/// Starts an instance.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartWorkflow {
    /// Names the start: a second one of the same name is the same instance.
    pub request_id: String,
    /// A number, `active` or `latest`.
    #[serde(default = "active")]
    pub version: String,
    /// What the start sets.
    #[serde(default)]
    pub params: NamedFields<ParamDefinitions>,
    /// Who sets it.
    #[serde(default = "launch")]
    pub source: NamedFields<ParamSource>,
    /// Who or what starts it, for people.
    #[serde(default)]
    pub initiator: NamedFields<Json>,
    /// Signals that start it, by name: their parameters.
    #[serde(default)]
    pub signals: BTreeMap<String, BTreeMap<String, String>>,
    /// Who is told of its end; then a refusal is told, too, rather than answered.
    #[serde(default)]
    pub notify: Option<Parent>,
}

fn active() -> String {
    "active".to_owned()
}

const fn launch() -> NamedFields<ParamSource> {
    NamedFields(ParamSource::Launch)
}

/// The answer to [`StartWorkflow`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Started {
    /// The instance; none where it could not be started and a parent was told.
    pub instance: Option<u64>,
    /// The version that it runs.
    pub version: u64,
    /// Whether this started it, and not an earlier one of the same name.
    pub fresh: bool,
    /// How it is now.
    pub status: NamedFields<InstanceStatus>,
}

impl Command for StartWorkflow {
    const VERB: &'static str = "start.v1";
    type Reply = Started;
    const REPEATABLE: bool = true;
}

/// Stops one instance, or all that are not over.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopInstance {
    /// Which; all if neither this nor a request is named.
    #[serde(default)]
    pub instance: Option<u64>,
    /// The one that this request started.
    #[serde(default)]
    pub request_id: Option<String>,
    /// Why, for people.
    #[serde(default)]
    pub why: String,
    /// Whether it counts as failed rather than as stopped.
    #[serde(default)]
    pub kill: bool,
}

impl Command for StopInstance {
    const VERB: &'static str = "stop.v1";
    /// How many.
    type Reply = u64;
    const REPEATABLE: bool = true;
}

/// Runs an instance anew that is over.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestartInstance {
    /// Which.
    pub instance: u64,
    /// The run that was last seen: another one by now refuses the call.
    pub seen: u64,
    /// Where it begins.
    pub at: RestartAt,
    /// Parameters that it sets.
    #[serde(default)]
    pub params: NamedFields<ParamDefinitions>,
    /// Who does it, for people.
    #[serde(default)]
    pub by: String,
}

impl Command for RestartInstance {
    const VERB: &'static str = "restart.v1";
    /// The run that begins.
    type Reply = u64;
    const REPEATABLE: bool = true;
}

/// Makes a version the active one, or none.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Activate {
    /// Which; none deactivates the workflow.
    pub version: Option<u64>,
    /// Who does it, for people.
    #[serde(default)]
    pub by: String,
}

impl Command for Activate {
    const VERB: &'static str = "activate.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Lets those go on that a failed instance holds up under `STRICT_SEQUENTIAL`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unblock {
    /// Which one; all if absent.
    #[serde(default)]
    pub instance: Option<u64>,
}

impl Command for Unblock {
    const VERB: &'static str = "unblock.v1";
    /// How many.
    type Reply = u64;
    const REPEATABLE: bool = true;
}

/// Sets or takes away a breakpoint; instances that run are told.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetBreakpoint {
    /// The step.
    pub step: String,
    /// Whether it pauses.
    pub on: bool,
    /// Whether what is paused there stays so when the breakpoint is taken away.
    #[serde(default)]
    pub(crate) stays: OptionalTail<bool>,
}

impl SetBreakpoint {
    /// A step is to pause.
    #[must_use]
    pub fn at(step: impl Into<String>) -> Self {
        Self { step: step.into(), on: true, stays: OptionalTail(false) }
    }

    /// A step is not to pause any more, and what is paused there goes on or not.
    #[must_use]
    pub fn gone(step: impl Into<String>, resume: bool) -> Self {
        Self { step: step.into(), on: false, stays: OptionalTail(!resume) }
    }
}

impl Command for SetBreakpoint {
    const VERB: &'static str = "breakpoint.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Changes properties without a new version; what is absent stays as it is.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetProperties {
    /// `owner`, `run_strategy` and the like.
    pub properties: NamedFields<Properties>,
    /// Who does it, for people.
    #[serde(default)]
    pub by: String,
}

impl Command for SetProperties {
    const VERB: &'static str = "properties.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Forgets every version, trigger and instance; refused while an instance waits or runs. Numbers are not given again.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteWorkflow {
    /// Who does it, for people.
    #[serde(default)]
    pub by: String,
}

impl Command for DeleteWorkflow {
    const VERB: &'static str = "delete.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// A time trigger fires; its own timer tells it.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Fire {
    /// Which, by its place in the definition.
    pub trigger: u64,
    /// For which time.
    pub at: Timestamp,
}

impl Command for Fire {
    const VERB: &'static str = "fire.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Asks for everything.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetWorkflow {
    /// Instances, the newest; 50 if absent.
    #[serde(default)]
    pub instances: Option<u32>,
    /// The version whose definition is wanted; the active one if absent, else the newest.
    #[serde(default)]
    pub version: Option<u64>,
}

/// Asks for one instance.
#[derive(Debug, Clone, Copy, Encode, Decode, Serialize, Deserialize)]
pub struct GetInstance {
    /// Which.
    pub instance: u64,
}

impl Query for GetInstance {
    const VERB: &'static str = "instance.v1";
    type Reply = InstanceView;
}

/// One version.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct VersionView {
    /// Its number.
    pub version: u64,
    /// When it was pushed.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
}

/// One instance.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct InstanceView {
    /// Its number, from 1.
    pub instance: u64,
    /// Its newest run.
    pub run: u64,
    /// Which version it runs.
    pub version: u64,
    /// How it is.
    pub status: NamedFields<InstanceStatus>,
    /// The request that started it.
    pub request_id: String,
    /// Who or what started it.
    pub initiator: NamedFields<Json>,
    /// When it was created.
    pub created: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Why it did not succeed.
    pub why: String,
    /// How its lanes ended.
    pub counts: Counts,
    /// Whether it holds up others.
    pub blocks: bool,
}

/// The answer to [`GetWorkflow`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct WorkflowView {
    /// The version that starts; none where it is switched off or was never pushed.
    pub active: Option<u64>,
    /// The newest version; 0 if there is none.
    pub newest: u64,
    /// Owner, run strategy and the like.
    pub properties: NamedFields<Properties>,
    /// Which version this is.
    pub version: u64,
    /// Its definition as Maestro's JSON; null if there is none.
    pub definition: NamedFields<Json>,
    /// Those that are kept, oldest first.
    pub versions: Vec<VersionView>,
    /// Newest first.
    pub instances: Vec<InstanceView>,
    /// Instances ever started.
    pub started: u64,
    /// Steps that pause.
    pub breakpoints: Vec<String>,
    /// What happened, oldest first.
    pub timeline: Vec<(Timestamp, String)>,
}

impl Query for GetWorkflow {
    const VERB: &'static str = "get.v1";
    type Reply = WorkflowView;
}
