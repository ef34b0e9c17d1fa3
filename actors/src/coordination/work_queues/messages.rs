//! The commands and queries of a work queue, and its reports to a task's owner.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use troupe_runtime::{Address, Timestamp, command, query};

use crate::stored::NamedFields;

/// Offers a task. A repeated offer with a known id changes nothing. Never refused: [`Finished`] reports a task that
/// cannot be taken.
#[command("offer.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// The idempotency key: one attempt of one step of one run.
    pub id: String,
    /// The receiver of its end; its kind must decide [`Finished`] and [`Progress`].
    pub owner: Address,
    /// The executor: `http`, `command`, `train`.
    pub executor: String,
    /// The input, in the executor's format.
    pub spec: NamedFields<Value>,
    /// Time limit in milliseconds, which includes waiting and repeated deliveries.
    pub timeout_ms: u64,
}

/// Withdraws a task; its owner gets no end. Its worker learns of it with its next heartbeat.
#[command("withdraw.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdraw {
    /// The task.
    pub id: String,
}

/// The cause of a failure, which decides the owner's retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The work itself failed.
    User,
    /// The platform failed: a full queue, or workers that died.
    Platform,
    /// A retry would fail as well.
    Fatal,
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Done.
    Done {
        /// The output.
        output: NamedFields<Value>,
    },
    /// Failed.
    Failed {
        /// The reason, for display.
        why: String,
        /// The cause.
        kind: Failure,
    },
    /// Its time ran out.
    TimedOut,
}

/// Reports a task's end to its owner, once.
#[command("task-finished.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finished {
    /// The task.
    pub id: String,
    /// The outcome.
    pub outcome: Outcome,
}

/// Reports a task's progress to its owner.
#[command("task-progress.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// The task.
    pub id: String,
    /// The progress, in a few words.
    pub words: String,
    /// The progress from 0 to 1, if known.
    #[serde(default)]
    pub share: Option<f64>,
}

/// Claims tasks for a worker.
#[command("claim.v1", reply = Granted)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// The worker's name, for display.
    pub worker: String,
    /// Maximum number of tasks to grant, by executor.
    pub room: BTreeMap<String, u32>,
}

/// One task under a lease.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Grant {
    /// The task.
    pub id: String,
    /// The fencing number of this delivery; a later delivery has a greater one.
    pub fence: u64,
    /// Number of deliveries, this one included.
    pub delivery: u32,
    /// The executor.
    pub executor: String,
    /// The input, in the executor's format.
    pub spec: NamedFields<Value>,
    /// The owner.
    pub owner: Address,
    /// Time at which the task times out.
    pub until: Timestamp,
}

/// The answer to [`Claim`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Granted {
    /// The tasks, oldest first.
    pub tasks: Vec<Grant>,
    /// Duration of the leases without a heartbeat, in milliseconds.
    pub lease_ms: u64,
}

/// A heartbeat: renews the lease of a task.
///
/// Reply: whether the worker may go on; false if it lost the lease.
#[command("beat.v1", reply = bool, repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beat {
    /// The task.
    pub id: String,
    /// The fencing number of the delivery.
    pub fence: u64,
    /// The progress in words, if it has changed.
    #[serde(default)]
    pub progress: Option<String>,
    /// The progress from 0 to 1, if known.
    #[serde(default)]
    pub share: Option<f64>,
}

/// Reports the outcome of a task. Only the holder of the newest lease counts.
///
/// Reply: whether this outcome counts.
#[command("finish.v1", reply = bool, repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finish {
    /// The task.
    pub id: String,
    /// The fencing number of the delivery.
    pub fence: u64,
    /// The outcome.
    pub outcome: Outcome,
}

/// Ends or releases overdue tasks; sent by its own timer.
#[command("sweep.v1", repeatable)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Sweep {}

/// Reads the number of waiting tasks of each executor.
#[query("waiting.v1", reply = WaitingView)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Waiting {}

/// The answer to [`Waiting`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct WaitingView {
    /// Number of waiting tasks by executor.
    pub tasks: BTreeMap<String, u32>,
}

/// One task, for display.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct TaskView {
    /// The task.
    pub id: String,
    /// The owner.
    pub owner: Address,
    /// The executor.
    pub executor: String,
    /// Time of the offer.
    pub at: Timestamp,
    /// Time at which the task times out.
    pub until: Timestamp,
    /// Number of deliveries.
    pub deliveries: u32,
    /// The worker, if a lease is held.
    pub worker: Option<String>,
    /// The progress in words.
    pub progress: Option<String>,
}

/// Reads all tasks.
#[query("get.v1", reply = QueueView)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetQueue {}

/// The answer to [`GetQueue`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct QueueView {
    /// The tasks, oldest first.
    pub tasks: Vec<TaskView>,
    /// Number of tasks ended since the queue was created.
    pub finished: u64,
}
