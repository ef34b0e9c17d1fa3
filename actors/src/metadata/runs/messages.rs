//! Messages of a run.

use std::collections::{BTreeMap, BTreeSet};

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Timestamp, command, query};

use super::logged::{Point, Value};
use super::standing::{Standing, Status};
use crate::metadata::flows::{Created, Made};

/// The heartbeat timeout of a run without heartbeats: its workflow reports its end.
pub const NO_BEATS: u64 = u64::MAX;

/// Starts the run. The flow sends it, and the client of the flow repeats it, so that the run exists before the client
/// is answered. A client that does not wait for the flow sends it without a number; the flow sends the number later.
#[command("begin.v1", repeatable)]
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

/// A heartbeat of the run.
#[command("beat.v1", repeatable)]
#[derive(Debug, Clone, Default, Encode, Decode, Serialize, Deserialize)]
pub struct Beat {}

/// Creates a step; a repeat changes nothing.
#[command("new-step.v1", reply = Created, repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewStep {
    /// Its name.
    pub step: String,
    /// Creator and tags.
    #[serde(default)]
    pub made: Made,
}

/// Creates a task of a step.
#[command("new-task.v1", reply = TaskMade)]
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

/// The answer to [`NewTask`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TaskMade {
    /// The task's address.
    pub task: String,
    /// Time of creation.
    pub at: Timestamp,
}

/// Reports events of a task to its run.
#[command("hear.v1", repeatable)]
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
#[command("tags.v1", reply = Tags, repeatable)]
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MutateTags {
    /// Tags to add.
    pub add: Vec<String>,
    /// Tags to remove.
    pub remove: Vec<String>,
}

/// The answer to [`MutateTags`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Tags {
    /// All user tags.
    pub tags: Vec<String>,
}

/// Logs metrics, parameters and notes.
#[command("log.v1", repeatable)]
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

/// Removes a note.
#[command("drop-note.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropNote {
    /// The note's name.
    pub key: String,
}

/// Sets the status, the display name or the deletion mark of the run; absent fields stay.
#[command("finish.v1", repeatable)]
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

/// Reports the outputs and the status of the run. The workflow that executes the run sends it; absent fields stay.
#[command("report.v1", repeatable)]
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Report {
    /// Tags to add. They name outputs of the run, so they add no lineage edge towards it.
    pub tags: Vec<String>,
    /// Status and reason.
    pub standing: Option<Standing>,
}

/// Checks the heartbeat timeout; the run's own timer sends it.
#[command("silent.v1", repeatable)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Silent {}

/// Forgets the whole state, after the flow forgot the run.
#[command("forget.v1", repeatable)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Forget {}

/// Reads the run without its tasks.
#[query("get.v1", reply = RunView)]
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

/// Reads the status only.
#[query("standing.v1", reply = StandingView)]
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
