//! What a block of tasks can be told and asked.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Command, Query, Timestamp};

use crate::metadata::flows::Made;

/// Adds a task; the run tells it. A second time changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddTask {
    /// Its step.
    pub step: String,
    /// The task.
    pub task: String,
    /// By whom.
    pub made: Made,
    /// When.
    pub at: Timestamp,
}

impl Command for AddTask {
    const VERB: &'static str = "add.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Says that a task is alive.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeatTask {
    /// Its step.
    pub step: String,
    /// The task.
    pub task: String,
}

impl Command for BeatTask {
    const VERB: &'static str = "beat.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// What a task says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct NewRecord {
    /// Under which name.
    pub field: String,
    /// Of which type.
    pub kind: String,
    /// What.
    pub value: String,
    /// Whether that is JSON, and not a text: some clients say lists.
    pub json: bool,
    /// By whom.
    pub user: Option<String>,
    /// As `attempt_id:0`.
    pub tags: Vec<String>,
    /// By the client's clock, in milliseconds: by this a message that comes twice is known.
    pub sent: u64,
}

/// Notes what a task says of itself; what came before in the same words and at the same time is not noted again.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoteTask {
    /// Its step.
    pub step: String,
    /// The task.
    pub task: String,
    /// What it says.
    pub records: Vec<NewRecord>,
}

impl Command for NoteTask {
    const VERB: &'static str = "note.v1";
    type Reply = NamedFields;
    const REPEATABLE: bool = true;
}

/// How many of what was brought are kept, those of an earlier message included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct NamedFields {
    /// So many.
    pub count: u64,
}

/// What a task made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct NewArtifact {
    /// In which attempt.
    pub attempt: u32,
    /// Under which name.
    pub name: String,
    /// Where it is.
    pub location: String,
    /// In what kind of store.
    pub ds_type: String,
    /// The hash of its content.
    pub sha: String,
    /// Of which type.
    pub kind: String,
    /// How its bytes are read.
    pub content_type: String,
    /// By whom, and under which tags.
    pub made: Made,
}

/// Adds what a task made; what an attempt made under a name stays as it was said first.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddArtifacts {
    /// Its step.
    pub step: String,
    /// The task.
    pub task: String,
    /// What it made.
    pub artifacts: Vec<NewArtifact>,
}

impl Command for AddArtifacts {
    const VERB: &'static str = "artifacts.v1";
    type Reply = NamedFields;
    const REPEATABLE: bool = true;
}

/// Forgets all tasks of the block; the run has been forgotten.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct ForgetTasks {}

impl Command for ForgetTasks {
    const VERB: &'static str = "forget.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Asks for tasks of the block.
#[derive(Debug, Clone, Default, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct GetTasks {
    /// Only of this step.
    pub step: Option<String>,
    /// Only this one.
    pub task: Option<String>,
    /// With what they said of themselves.
    pub records: bool,
    /// With what they made.
    pub artifacts: bool,
}

/// What a task said of itself, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Record {
    /// Unlike that of any other record of the block.
    pub id: u64,
    /// When it came.
    pub at: Timestamp,
    /// What was said.
    pub said: NewRecord,
}

/// What a task made, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Artifact {
    /// When it came.
    pub at: Timestamp,
    /// What was said of it.
    pub said: NewArtifact,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TaskView {
    /// The task.
    pub task: String,
    /// Its step.
    pub step: String,
    /// By whom.
    pub made: Made,
    /// When.
    pub at: Timestamp,
    /// When it last beat.
    pub beat: Timestamp,
    /// What it said of itself, oldest first.
    pub records: Vec<Record>,
    /// What it made, of all attempts.
    pub artifacts: Vec<Artifact>,
    /// The last attempt that ended, and whether it did what it should.
    pub attempt: Option<(u32, bool)>,
}

impl Query for GetTasks {
    const VERB: &'static str = "get.v1";
    type Reply = Vec<TaskView>;
}
