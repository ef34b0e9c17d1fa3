//! Messages of a run.

use std::collections::{BTreeMap, BTreeSet};

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Command, Query, Timestamp};

use super::logged::{Point, Value};
use super::standing::{Standing, Status};
use crate::metadata::flows::{Created, Made};

/// The heartbeat timeout of a run without heartbeats: its workflow reports its end.
pub const NO_BEATS: u64 = u64::MAX;

/// Starts the run. The flow sends it, and the client of the flow repeats it, so that the run exists before the client
/// is answered. A client that does not wait for the flow sends it without a number; the flow sends the number later.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Begin {
    /// The run's flow.
    pub flow: String,
    /// The run's address.
    pub run: String,
    /// Number of the run within the flow; 0 if not yet known.
    pub number: u64,
    /// Creator and tags.
    pub made: Made,
    /// Time of the start.
    pub at: Timestamp,
    /// Milliseconds without a heartbeat after which the run has failed; [`NO_BEATS`] for a run without heartbeats.
    pub silence_ms: u64,
    /// Display name.
    pub title: Option<String>,
    /// Notes by name.
    pub notes: BTreeMap<String, String>,
}

impl Command for Begin {
    const VERB: &'static str = "begin.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// A heartbeat of the run.
#[derive(Debug, Clone, Default, Encode, Decode, Serialize, Deserialize)]
pub struct Beat {}

impl Command for Beat {
    const VERB: &'static str = "beat.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Creates a step; a repeat changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewStep {
    /// Its name.
    pub step: String,
    /// Creator and tags.
    #[serde(default)]
    pub made: Made,
}

impl Command for NewStep {
    const VERB: &'static str = "new-step.v1";
    type Reply = Created;
    const REPEATABLE: bool = true;
}

/// Creates a task of a step.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTask {
    /// The step.
    pub step: String,
    /// The client's name for the task; default the next number.
    #[serde(default)]
    pub id: Option<String>,
    /// Creator and tags.
    #[serde(default)]
    pub made: Made,
}

impl Command for NewTask {
    const VERB: &'static str = "new-task.v1";
    type Reply = TaskMade;
}

/// The answer to [`NewTask`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TaskMade {
    /// The task's address.
    pub task: String,
    /// Time of creation.
    pub at: Timestamp,
}

/// Reports events of a task to its run.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hear {
    /// The task's step.
    pub step: String,
    /// The task.
    pub task: String,
    /// The events.
    pub heard: Vec<Heard>,
}

impl Command for Hear {
    const VERB: &'static str = "hear.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// An event of a task that its run handles.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub enum Heard {
    /// A heartbeat.
    Alive,
    /// An attempt ended: its number, and whether it succeeded.
    Attempt(u32, bool),
    /// The name of the run's last step.
    EndStep(String),
}

/// Adds and removes user tags; a tag in both lists is present afterwards.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MutateTags {
    /// Tags to add.
    pub add: Vec<String>,
    /// Tags to remove.
    pub remove: Vec<String>,
}

impl Command for MutateTags {
    const VERB: &'static str = "tags.v1";
    type Reply = Tags;
    const REPEATABLE: bool = true;
}

/// The answer to [`MutateTags`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Tags {
    /// All user tags.
    pub tags: Vec<String>,
}

/// Logs metrics, parameters and notes.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// Name and point of metrics.
    pub metrics: Vec<(String, Point)>,
    /// Parameters; an existing one keeps its value.
    pub params: Vec<Value>,
    /// Notes; they replace notes of the same name.
    pub notes: Vec<Value>,
}

impl Command for Log {
    const VERB: &'static str = "log.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Removes a note.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropNote {
    /// The note's name.
    pub key: String,
}

impl Command for DropNote {
    const VERB: &'static str = "drop-note.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Sets the status, the display name or the deletion mark of the run; absent fields stay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Finish {
    /// Status.
    pub status: Option<Status>,
    /// The client's own word for the status.
    pub word: String,
    /// Time of the end, by the client's clock.
    pub ended: Option<Timestamp>,
    /// Display name.
    pub title: Option<String>,
    /// Whether it is marked as deleted.
    pub deleted: Option<bool>,
}

impl Command for Finish {
    const VERB: &'static str = "finish.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Reports the outputs and the status of the run. The workflow that executes the run sends it; absent fields stay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Report {
    /// Tags to add. They name outputs of the run, so they add no lineage edge towards it.
    pub tags: Vec<String>,
    /// Status and reason.
    pub standing: Option<Standing>,
}

impl Command for Report {
    const VERB: &'static str = "report.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Checks the heartbeat timeout; the run's own timer sends it.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Silent {}

impl Command for Silent {
    const VERB: &'static str = "silent.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Forgets the whole state, after the flow forgot the run.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Forget {}

impl Command for Forget {
    const VERB: &'static str = "forget.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Reads the run without its tasks.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetRun {}

/// A step of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct StepView {
    /// Position of the step by time of creation.
    pub place: u64,
    /// Creator and tags.
    pub made: Made,
    /// Time of creation.
    pub at: Timestamp,
    /// Number of tasks created.
    pub tasks: u64,
    /// Keys of the blocks that hold the tasks.
    pub blocks: BTreeSet<String>,
}

/// The answer to [`GetRun`].
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct RunView {
    /// The start of the run; `None` if it never started or was forgotten.
    pub begun: Option<Begin>,
    /// Status and reason at this moment.
    pub standing: Standing,
    /// Time of the last sign of life.
    pub beat: Timestamp,
    /// Steps by name.
    pub steps: BTreeMap<String, StepView>,
    /// Number of tasks created.
    pub tasks: u64,
    /// Parameters by name.
    pub params: BTreeMap<String, String>,
    /// Notes by name.
    pub notes: BTreeMap<String, String>,
    /// For each metric, the point that represents it.
    pub metrics: BTreeMap<String, Point>,
    /// Display name.
    pub title: Option<String>,
    /// Whether it is marked as deleted.
    pub deleted: bool,
}

impl Query for GetRun {
    const VERB: &'static str = "get.v1";
    type Reply = RunView;
}

/// Reads the status only.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetStanding {}

/// The answer to [`GetStanding`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct StandingView {
    /// Status and reason at this moment.
    pub standing: Standing,
    /// Time of the last sign of life.
    pub beat: Timestamp,
}

impl Query for GetStanding {
    const VERB: &'static str = "standing.v1";
    type Reply = StandingView;
}
