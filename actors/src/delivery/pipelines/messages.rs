//! The commands and queries of a pipeline.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use troupe_runtime::{Address, Timestamp, command, query};

use crate::stored::{NamedFields, OptionalTail};

/// Writes the pipeline's definition. Running executions keep the definition that they began with.
///
/// Reply: the new revision.
#[command("put.v1", reply = u64, repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutPipeline {
    /// The definition, in Spinnaker's JSON. Its name is the pipeline's key.
    pub definition: NamedFields<Value>,
    /// The author, for display.
    #[serde(default)]
    pub by: String,
}

/// Deletes the definition, so that no execution can start. Running executions go on.
///
/// Reply: whether a definition existed.
#[command("delete.v1", reply = bool, repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeletePipeline {}

/// Starts an execution.
#[command("start.v1", reply = Started, repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartPipeline {
    /// The idempotency key of the request: a second start with the same id starts nothing.
    pub request: String,
    /// The author, for display.
    #[serde(default)]
    pub by: String,
    /// The values of its parameters.
    #[serde(default)]
    pub parameters: NamedFields<Map<String, Value>>,
    /// Further facts about the trigger, for the context.
    #[serde(default)]
    pub trigger: NamedFields<Map<String, Value>>,
}

/// The answer to [`StartPipeline`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Started {
    /// The execution's key.
    pub execution: String,
    /// Its number.
    pub number: u64,
    /// Whether an earlier request with this id started it.
    pub duplicate: bool,
    /// Whether it waits for another execution to end.
    pub waits: bool,
}

/// Starts an execution for another execution or for a step of a workflow. Never refused:
/// [`crate::delivery::executions::ChildEnded`] reports its begin, its end or its refusal to the owner.
#[command("run-for.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFor {
    /// The entity to report to.
    pub owner: Address,
    /// The owner's id of this request.
    pub id: String,
    /// The values of its parameters.
    pub parameters: NamedFields<Map<String, Value>>,
    /// The executions above the new one.
    #[serde(default, rename = "above")]
    pub(crate) ancestry: OptionalTail<Ancestry>,
}

/// The chain of executions that started an execution. Bounds recursion and detects an execution that waits for itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct Ancestry {
    /// Length of the chain.
    #[serde(rename = "deep")]
    pub depth: u32,
    /// Keys of the executions that wait for its end.
    pub waiting: Vec<String>,
}

/// Reports the end of an execution, after which the next one may start.
#[command("execution-ended.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecutionEnded {
    /// Its number.
    pub number: u64,
    /// Spinnaker's status.
    pub status: String,
    /// The reason.
    #[serde(default)]
    pub why: String,
}

/// Reports that an ended execution runs again, because one of its stages was restarted.
#[command("reopened.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reopened {
    /// Its number.
    pub number: u64,
}

/// A summary of one execution.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// Its number.
    pub number: u64,
    /// The request that started it.
    pub request: String,
    /// The person or signal that started it.
    pub by: String,
    /// Time of the start.
    pub at: Timestamp,
    /// Spinnaker's status, as last reported to the pipeline.
    pub status: String,
    /// Reason of the status.
    pub why: String,
    /// Time of its end.
    pub ended: Option<Timestamp>,
}

/// Reads the definition and the newest executions.
#[query("get.v1", reply = PipelineView)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct GetPipeline {}

/// The answer to [`GetPipeline`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct PipelineView {
    /// The JSON as it was written; `None` if the pipeline has no definition.
    pub definition: NamedFields<Option<Value>>,
    /// Number of writes and deletes.
    pub revision: u64,
    /// Time of the last write or delete.
    pub at: Timestamp,
    /// The author of the last write.
    pub by: String,
    /// The newest executions, newest first.
    pub executions: NamedFields<Vec<Summary>>,
}
