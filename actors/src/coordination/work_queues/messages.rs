//! What a queue of tasks can be told and asked, and what it tells a task's owner.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use troupe_runtime::{Address, Command, Query, Timestamp};

use crate::stored::NamedFields;

/// Offers work. A second offer of an id that is known changes nothing. It is never refused: what cannot be taken is
/// answered with [`Finished`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// Names the task for good: one try of one step of one run.
    pub id: String,
    /// Who is told of its end; its kind decides [`Finished`] and [`Progress`].
    pub owner: Address,
    /// Which executor does it: `http`, `command`, `train`.
    pub executor: String,
    /// What is to be done, in the executor's words.
    pub spec: NamedFields<Value>,
    /// Time for all of it from now on, waiting and repeated deliveries included.
    pub timeout_ms: u64,
}

impl Command for Offer {
    const VERB: &'static str = "offer.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Takes an offer back; the owner is told nothing any more. Whoever is at it learns of it with its next beat.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdraw {
    /// The task.
    pub id: String,
}

impl Command for Withdraw {
    const VERB: &'static str = "withdraw.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Whose fault a failure is, as far as it matters to who may try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The work itself failed.
    User,
    /// It could not be done here and now: no room, or workers died at it.
    Platform,
    /// Another try would fail as well.
    Fatal,
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Done {
        /// What came of it.
        output: NamedFields<Value>,
    },
    /// It was not.
    Failed {
        /// Why, for people.
        why: String,
        /// Whose fault it is.
        kind: Failure,
    },
    /// Its time ran out.
    TimedOut,
}

/// Tells the owner of a task's end, once.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finished {
    /// The task.
    pub id: String,
    /// Its end.
    pub outcome: Outcome,
}

impl Command for Finished {
    const VERB: &'static str = "task-finished.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Tells the owner how far it is.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// The task.
    pub id: String,
    /// In a few words.
    pub words: String,
    /// 0 to 1, where it can be told.
    #[serde(default)]
    pub share: Option<f64>,
}

impl Command for Progress {
    const VERB: &'static str = "task-progress.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Asks for tasks to do.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Who asks, for people.
    pub worker: String,
    /// How many of each executor's.
    pub room: BTreeMap<String, u32>,
}

/// One task under a lease.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Grant {
    /// The task.
    pub id: String,
    /// Names this delivery of it; a later one has a greater number.
    pub fence: u64,
    /// How often it was delivered, this time included.
    pub delivery: u32,
    /// Which executor does it.
    pub executor: String,
    /// What is to be done.
    pub spec: NamedFields<Value>,
    /// Whose it is.
    pub owner: Address,
    /// When its time runs out.
    pub until: Timestamp,
}

/// The answer to [`Claim`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Granted {
    /// Oldest first.
    pub tasks: Vec<Grant>,
    /// How long the leases last without a beat.
    pub lease_ms: u64,
}

impl Command for Claim {
    const VERB: &'static str = "claim.v1";
    type Reply = Granted;
}

/// Says that a worker is still at it.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beat {
    /// The task.
    pub id: String,
    /// Its delivery.
    pub fence: u64,
    /// How far it is, if that has changed.
    #[serde(default)]
    pub progress: Option<String>,
    /// The same as a share, 0 to 1.
    #[serde(default)]
    pub share: Option<f64>,
}

impl Command for Beat {
    const VERB: &'static str = "beat.v1";
    /// Whether the worker is to go on.
    type Reply = bool;
    const REPEATABLE: bool = true;
}

/// Says how it ended. Only who holds the newest lease is heard.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finish {
    /// The task.
    pub id: String,
    /// Its delivery.
    pub fence: u64,
    /// Its end.
    pub outcome: Outcome,
}

impl Command for Finish {
    const VERB: &'static str = "finish.v1";
    /// Whether this was the end that counts.
    type Reply = bool;
    const REPEATABLE: bool = true;
}

/// Looks at the clock; its own timer tells it.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Sweep {}

impl Command for Sweep {
    const VERB: &'static str = "sweep.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Asks how many tasks wait for each executor.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Waiting {}

/// The answer to [`Waiting`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct WaitingView {
    /// Tasks by executor.
    pub tasks: BTreeMap<String, u32>,
}

impl Query for Waiting {
    const VERB: &'static str = "waiting.v1";
    type Reply = WaitingView;
}

/// One task, for people.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct TaskView {
    /// The task.
    pub id: String,
    /// Whose it is.
    pub owner: Address,
    /// Which executor does it.
    pub executor: String,
    /// When it was offered.
    pub at: Timestamp,
    /// When its time runs out.
    pub until: Timestamp,
    /// How often it was delivered.
    pub deliveries: u32,
    /// Who is at it.
    pub worker: Option<String>,
    /// How far it is.
    pub progress: Option<String>,
}

/// Asks for everything.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetQueue {}

/// The answer to [`GetQueue`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct QueueView {
    /// Oldest first.
    pub tasks: Vec<TaskView>,
    /// Ended since the queue was made.
    pub finished: u64,
}

impl Query for GetQueue {
    const VERB: &'static str = "get.v1";
    type Reply = QueueView;
}
