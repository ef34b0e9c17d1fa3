//! The answers to queries.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use troupe_runtime::Timestamp;
use troupe_workflows::Ordered;
use troupe_workflows::params::{Parameters, Value};
use troupe_workflows::status::{InstanceStatus, StepStatus};

use super::messages::Counts;
use super::step_run::Attempt;
use crate::stored::NamedFields;

/// One step, for people.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct StepView {
    /// The step's id.
    pub id: String,
    /// Its type: `NoOp`, `foreach`.
    pub sort: String,
    /// Its status.
    pub status: NamedFields<StepStatus>,
    /// Attempts begun.
    pub attempt: u32,
    /// When this attempt began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Why it failed, or what it waits for.
    pub why: String,
    /// The progress of its task: text, and share from 0 to 1.
    pub progress: Option<(String, Option<f64>)>,
    /// Its evaluated parameters.
    pub params: NamedFields<Parameters>,
    /// The result of its task.
    pub output: NamedFields<Json>,
    /// Earlier attempts.
    pub history: Vec<Attempt>,
    /// The next steps, and whether the edge to each is taken; `None` before completion.
    pub next: Vec<(String, Option<bool>)>,
    /// Of a loop: the count of iterations, and those that ended by result.
    pub iterations: Option<(u64, Counts)>,
    /// The keys of its child runs that have not ended.
    pub children: Vec<String>,
}

/// One iteration.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct IterationView {
    /// Its number in this run, from 0.
    #[serde(rename = "lane")]
    pub iteration: u64,
    /// Its loop parameters.
    pub values: NamedFields<Ordered<Value>>,
    /// In the order of the definition.
    pub steps: Vec<StepView>,
}

/// The answer to [`super::GetLoop`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct LoopView {
    /// Iterations in all; 0 for a while: its count is not known in advance.
    pub total: u64,
    /// Ended iterations by result.
    pub counts: Counts,
    /// The key of the run that carries the iteration; `None` if it has not begun.
    pub key: Option<String>,
    /// The first iteration of that run, and the first one after it.
    pub range: (u64, u64),
}

/// The answer to [`super::GetIterations`]. Iterations are numbered as in the whole loop.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct IterationsView {
    /// Ended iterations in ascending order: all of a foreach, the newest 1000 of a while.
    pub over: Vec<(u64, NamedFields<InstanceStatus>)>,
    /// Running iterations.
    pub running: Vec<u64>,
    /// The first failed iterations, and their reasons.
    pub failures: Vec<(u64, String)>,
}

/// The answer to [`super::GetRun`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct RunView {
    /// The workflow, its version and instance; `None` if the run has not begun.
    pub of: Option<(String, u64, u64)>,
    /// The number of this run of the instance, from 1.
    pub run: u64,
    /// Its status.
    pub status: NamedFields<InstanceStatus>,
    /// Why it did not succeed.
    pub why: String,
    /// When the instance was created.
    pub created: Timestamp,
    /// When this run began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// What started it.
    pub initiator: NamedFields<Json>,
    /// Signals that started it.
    pub signals: BTreeMap<String, BTreeMap<String, String>>,
    /// Its evaluated parameters.
    pub params: NamedFields<Parameters>,
    /// Running iterations; the only one of an instance also after its end.
    #[serde(rename = "lanes")]
    pub iterations: Vec<IterationView>,
    /// Ended iterations by result.
    pub counts: Counts,
    /// The first failed iterations, and their reasons.
    pub failures: Vec<(u64, String)>,
    /// Timeline lines, oldest first.
    pub timeline: Vec<(Timestamp, String)>,
}
