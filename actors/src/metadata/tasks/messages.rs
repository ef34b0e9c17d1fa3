//! Messages of a block of tasks.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Timestamp, command, query};

use crate::metadata::flows::Made;

/// Adds a task; the run sends it. A repeat changes nothing.
#[command("add.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddTask {
    /// Its step.
    pub step: String,
    /// The task.
    pub task: String,
    /// Creator and tags.
    pub made: Made,
    /// Time of creation.
    pub at: Timestamp,
}

/// A heartbeat of a task.
#[command("beat.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeatTask {
    /// Its step.
    pub step: String,
    /// The task.
    pub task: String,
}

/// A metadata record of a task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct NewRecord {
    /// Name of the field.
    pub field: String,
    /// Type of the value.
    pub kind: String,
    /// The value.
    pub value: String,
    /// Whether the value is JSON rather than text: some clients send lists.
    pub json: bool,
    /// The user, if known.
    pub user: Option<String>,
    /// Tags, for example `attempt_id:0`.
    pub tags: Vec<String>,
    /// Milliseconds by the client's clock; identifies a repeated message.
    pub sent: u64,
}

/// Adds records of a task; a record with the same content and time is not added again.
#[command("note.v1", reply = KeptCount, repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoteTask {
    /// Its step.
    pub step: String,
    /// The task.
    pub task: String,
    /// The records.
    pub records: Vec<NewRecord>,
}

/// The answer to messages that add records or artifacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct KeptCount {
    /// Number of items of the message that are stored, including those stored earlier.
    pub count: u64,
}

/// An artifact of a task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct NewArtifact {
    /// Number of the attempt.
    pub attempt: u32,
    /// The artifact's name.
    pub name: String,
    /// The artifact's location.
    pub location: String,
    /// Type of the store.
    pub ds_type: String,
    /// The hash of its content.
    pub sha: String,
    /// Type of the artifact.
    pub kind: String,
    /// Encoding of its bytes.
    pub content_type: String,
    /// Creator and tags.
    pub made: Made,
}

/// Adds artifacts of a task. The first artifact of an attempt under a name stays.
#[command("artifacts.v1", reply = KeptCount, repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddArtifacts {
    /// Its step.
    pub step: String,
    /// The task.
    pub task: String,
    /// The artifacts.
    pub artifacts: Vec<NewArtifact>,
}

/// Forgets all tasks of the block, after the run was forgotten.
#[command("forget.v1", repeatable)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct ForgetTasks {}

/// Reads tasks of the block.
#[query("get.v1", reply = Vec<TaskView>)]
#[derive(Debug, Clone, Default, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct GetTasks {
    /// Only tasks of this step.
    pub step: Option<String>,
    /// Only this task.
    pub task: Option<String>,
    /// Whether to include records.
    pub records: bool,
    /// Whether to include artifacts.
    pub artifacts: bool,
}

/// A stored record.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Record {
    /// Unique within the block.
    pub id: u64,
    /// Time of arrival.
    pub at: Timestamp,
    /// The record.
    pub said: NewRecord,
}

/// A stored artifact.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Artifact {
    /// Time of arrival.
    pub at: Timestamp,
    /// The artifact.
    pub said: NewArtifact,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TaskView {
    /// The task.
    pub task: String,
    /// Its step.
    pub step: String,
    /// Creator and tags.
    pub made: Made,
    /// Time of creation.
    pub at: Timestamp,
    /// Time of the last heartbeat.
    pub beat: Timestamp,
    /// Records, oldest first.
    pub records: Vec<Record>,
    /// Artifacts of all attempts.
    pub artifacts: Vec<Artifact>,
    /// The last ended attempt, and whether it succeeded.
    pub attempt: Option<(u32, bool)>,
}
