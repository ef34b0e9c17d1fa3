//! What a pipeline can be told and asked.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use troupe_runtime::{Address, Command, Query, Timestamp};

use crate::stored::{NamedFields, OptionalTail};

/// Writes the pipeline's definition; executions that run keep the one that they began with.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutPipeline {
    /// The definition, as Spinnaker writes it. Its name is the pipeline's key.
    pub definition: NamedFields<Value>,
    /// Who, for people.
    #[serde(default)]
    pub by: String,
}

impl Command for PutPipeline {
    const VERB: &'static str = "put.v1";
    /// The revision from here on.
    type Reply = u64;
    const REPEATABLE: bool = true;
}

/// Deletes the definition: nothing starts it any more; executions that run go on.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeletePipeline {}

impl Command for DeletePipeline {
    const VERB: &'static str = "delete.v1";
    /// Whether there was one.
    type Reply = bool;
    const REPEATABLE: bool = true;
}

/// Starts an execution.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartPipeline {
    /// Names the request for good: a second start with the same id starts nothing.
    pub request: String,
    /// Who, for people.
    #[serde(default)]
    pub by: String,
    /// What it is started with.
    #[serde(default)]
    pub parameters: NamedFields<Map<String, Value>>,
    /// What else is known of why, for the context.
    #[serde(default)]
    pub trigger: NamedFields<Map<String, Value>>,
}

impl Command for StartPipeline {
    const VERB: &'static str = "start.v1";
    type Reply = Started;
    const REPEATABLE: bool = true;
}

/// The answer to [`StartPipeline`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Started {
    /// The execution's key.
    pub execution: String,
    /// Its number.
    pub number: u64,
    /// Whether the request had started it before.
    pub duplicate: bool,
    /// Whether it waits for its turn.
    pub waits: bool,
}

/// Starts an execution on behalf of another one or of a workflow's step. It is never refused: the owner is told of its begin, and of its end, by a
/// [`crate::delivery::executions::ChildEnded`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFor {
    /// Who is told.
    pub owner: Address,
    /// By which the owner knows its question.
    pub id: String,
    /// What it is started with.
    pub parameters: NamedFields<Map<String, Value>>,
    /// What it is started by.
    #[serde(default)]
    pub(crate) above: OptionalTail<Above>,
}

/// The executions by which one was started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct Above {
    /// How many there are.
    pub deep: u32,
    /// Those that wait for its end.
    pub waiting: Vec<String>,
}

impl Command for RunFor {
    const VERB: &'static str = "run-for.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// An execution has ended: the next one's turn comes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecutionEnded {
    /// Which.
    pub number: u64,
    /// Spinnaker's word for how.
    pub status: String,
    /// Why.
    #[serde(default)]
    pub why: String,
}

impl Command for ExecutionEnded {
    const VERB: &'static str = "execution-ended.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// An execution that had ended goes on: a stage of it is tried again.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reopened {
    /// Which.
    pub number: u64,
}

impl Command for Reopened {
    const VERB: &'static str = "reopened.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// One execution, in short.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// Its number.
    pub number: u64,
    /// The request that started it.
    pub request: String,
    /// Who or what started it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Spinnaker's word for how it is, as far as the pipeline knows.
    pub status: String,
    /// Why it ended so.
    pub why: String,
    /// When it ended.
    pub ended: Option<Timestamp>,
}

/// Asks for everything.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct GetPipeline {}

/// The answer to [`GetPipeline`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct PipelineView {
    /// The definition as it was written; none if there is none.
    pub definition: NamedFields<Option<Value>>,
    /// Counts definitions.
    pub revision: u64,
    /// When it was last written.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// The newest executions, newest first.
    pub executions: NamedFields<Vec<Summary>>,
}

impl Query for GetPipeline {
    const VERB: &'static str = "get.v1";
    type Reply = PipelineView;
}
