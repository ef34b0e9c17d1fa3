//! The commands and queries of a workflow.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use troupe_runtime::{Timestamp, command, query};
use troupe_workflows::definition::{ParamDefinitions, ParamSource, Properties};
use troupe_workflows::status::InstanceStatus;

use crate::orchestrator::runs::{Counts, Parent, RestartAt};
use crate::stored::{NamedFields, OptionalTail};

/// Adds a version, unless the definition equals the newest one.
#[command("push.v1", reply = Pushed, repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Push {
    /// The whole submission as Maestro's JSON: `properties`, `workflow`, `is_active`.
    pub definition: NamedFields<Json>,
    /// The user, for people.
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

/// Starts an instance.
#[command("start.v1", reply = Started, repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartWorkflow {
    /// The request id: a second start with the same id returns the same instance.
    pub request_id: String,
    /// A number, `active` or `latest`.
    #[serde(default = "active")]
    pub version: String,
    /// Parameters that the start sets.
    #[serde(default)]
    pub params: NamedFields<ParamDefinitions>,
    /// The source of these parameters.
    #[serde(default = "launch")]
    pub source: NamedFields<ParamSource>,
    /// What starts it, for people.
    #[serde(default)]
    pub initiator: NamedFields<Json>,
    /// The parameters of the signals that start it, by the signal's name.
    #[serde(default)]
    pub signals: BTreeMap<String, BTreeMap<String, String>>,
    /// The receiver of the instance's end. A refused start is then reported as a failed end.
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
    /// The instance; `None` if the start was refused and reported to a parent.
    pub instance: Option<u64>,
    /// The version that it runs.
    pub version: u64,
    /// Whether this request started it, rather than an earlier one with the same id.
    pub fresh: bool,
    /// Its present status.
    pub status: NamedFields<InstanceStatus>,
}

/// Stops one instance, or all unfinished ones.
///
/// Reply: count of instances.
#[command("stop.v1", reply = u64, repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopInstance {
    /// Its number; all if this and the request are absent.
    #[serde(default)]
    pub instance: Option<u64>,
    /// The request that started it.
    #[serde(default)]
    pub request_id: Option<String>,
    /// The reason, for people.
    #[serde(default)]
    pub why: String,
    /// Whether the end counts as failed rather than stopped.
    #[serde(default)]
    pub kill: bool,
}

/// Restarts an instance that has ended.
///
/// Reply: the run that begins.
#[command("restart.v1", reply = u64, repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestartInstance {
    /// The instance's number.
    pub instance: u64,
    /// The newest run that the caller knows; refused if a newer one exists.
    pub seen: u64,
    /// Where it begins.
    pub at: RestartAt,
    /// Parameters that it sets.
    #[serde(default)]
    pub params: NamedFields<ParamDefinitions>,
    /// The user, for people.
    #[serde(default)]
    pub by: String,
}

/// Activates a version, or deactivates the workflow.
#[command("activate.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Activate {
    /// The version; `None` deactivates the workflow.
    pub version: Option<u64>,
    /// The user, for people.
    #[serde(default)]
    pub by: String,
}

/// Unblocks the instances behind a failed one under `STRICT_SEQUENTIAL`.
///
/// Reply: count of instances.
#[command("unblock.v1", reply = u64, repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unblock {
    /// The failed instance; all if absent.
    #[serde(default)]
    pub instance: Option<u64>,
}

/// Sets or removes a breakpoint, also in running instances.
#[command("breakpoint.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetBreakpoint {
    /// The step.
    pub step: String,
    /// Whether it pauses.
    pub on: bool,
    /// Whether paused steps stay paused after the removal.
    #[serde(default)]
    pub(crate) stays: OptionalTail<bool>,
}

impl SetBreakpoint {
    /// Sets a breakpoint.
    #[must_use]
    pub fn at(step: impl Into<String>) -> Self {
        Self { step: step.into(), on: true, stays: OptionalTail(false) }
    }

    /// Removes a breakpoint; with `resume` its paused steps continue.
    #[must_use]
    pub fn gone(step: impl Into<String>, resume: bool) -> Self {
        Self { step: step.into(), on: false, stays: OptionalTail(!resume) }
    }
}

/// Changes properties without a new version; absent ones are unchanged.
#[command("properties.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetProperties {
    /// `owner`, `run_strategy` and the like.
    pub properties: NamedFields<Properties>,
    /// The user, for people.
    #[serde(default)]
    pub by: String,
}

/// Deletes all versions, triggers and instances; refused while an instance waits or runs. Numbers are not reused.
#[command("delete.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteWorkflow {
    /// The user, for people.
    #[serde(default)]
    pub by: String,
}

/// Fires a time trigger; the workflow's own timer sends it.
#[command("fire.v1", repeatable)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Fire {
    /// The trigger's index in the definition.
    pub trigger: u64,
    /// The time of the firing.
    pub at: Timestamp,
}

/// Asks for the whole workflow.
#[query("get.v1", reply = WorkflowView)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetWorkflow {
    /// Count of the newest instances; 50 if absent.
    #[serde(default)]
    pub instances: Option<u32>,
    /// The version of the definition; by default the active one, or else the newest.
    #[serde(default)]
    pub version: Option<u64>,
}

/// Asks for one instance.
#[query("instance.v1", reply = InstanceView)]
#[derive(Debug, Clone, Copy, Encode, Decode, Serialize, Deserialize)]
pub struct GetInstance {
    /// The instance's number.
    pub instance: u64,
}

/// One version.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct VersionView {
    /// Its number.
    pub version: u64,
    /// When it was pushed.
    pub at: Timestamp,
    /// The user.
    pub by: String,
}

/// One instance.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct InstanceView {
    /// Its number, from 1.
    pub instance: u64,
    /// Its newest run.
    pub run: u64,
    /// Its version.
    pub version: u64,
    /// Its status.
    pub status: NamedFields<InstanceStatus>,
    /// The request that started it.
    pub request_id: String,
    /// What started it.
    pub initiator: NamedFields<Json>,
    /// When it was created.
    pub created: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Why it did not succeed.
    pub why: String,
    /// Ended iterations by result.
    pub counts: Counts,
    /// Whether it blocks later instances.
    pub blocks: bool,
}

/// The answer to [`GetWorkflow`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct WorkflowView {
    /// The active version; `None` if the workflow is deactivated or was never pushed.
    pub active: Option<u64>,
    /// The newest version; 0 without versions.
    pub newest: u64,
    /// Owner, run strategy and the like.
    pub properties: NamedFields<Properties>,
    /// The version of the definition below.
    pub version: u64,
    /// Its definition as Maestro's JSON; null without versions.
    pub definition: NamedFields<Json>,
    /// Kept versions, oldest first.
    pub versions: Vec<VersionView>,
    /// Newest first.
    pub instances: Vec<InstanceView>,
    /// Instances ever started.
    pub started: u64,
    /// Steps that pause.
    pub breakpoints: Vec<String>,
    /// Timeline lines, oldest first.
    pub timeline: Vec<(Timestamp, String)>,
}
