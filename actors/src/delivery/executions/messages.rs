//! The commands and queries of a deployment.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{command, query};

use super::run::{Begun, Run};
use crate::stored::NamedFields;

/// Creates the deployment; sent once by its pipeline. Never refused.
#[command("begin.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    /// The definition, parameters and origin.
    pub begun: NamedFields<Begun>,
    /// Whether it waits for [`Go`].
    pub waits: bool,
}

/// Starts an execution that waited for its turn; sent by its pipeline. Never refused.
#[command("go.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Go {}

/// Cancels the execution and returns the traffic to production at once. Has no effect after the end. Refused only for
/// an unknown deployment.
#[command("cancel.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    /// The author, for the audit trail.
    #[serde(default)]
    pub by: String,
    /// The reason, for the audit trail.
    #[serde(default)]
    pub why: String,
}

/// Pauses the execution: running stages go on, and no stage begins until [`Resume`].
#[command("pause.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// The author, for the audit trail.
    #[serde(default)]
    pub by: String,
}

/// Resumes a paused execution.
#[command("resume.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// The author, for the audit trail.
    #[serde(default)]
    pub by: String,
}

/// Answers a judgment stage.
#[command("judge.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judge {
    /// The stage's ref id.
    pub stage: String,
    /// `continue` or `stop`.
    pub judgment: String,
    /// One of the stage's options, required if it has any.
    #[serde(default)]
    pub option: String,
    /// The author, for the audit trail.
    #[serde(default)]
    pub by: String,
}

/// Runs a stage, and every stage after it, again.
#[command("restart.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestartStage {
    /// The stage's ref id.
    pub stage: String,
    /// The author, for the audit trail.
    #[serde(default)]
    pub by: String,
}

/// Handles due waits and timeouts; sent by the deployment's own timer.
#[command("due.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Due {}

/// Reports the begin or the end of an execution to the entity that requested it.
#[command("child-ended.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChildEnded {
    /// The id of the request.
    pub id: String,
    /// The execution's key; empty if it was refused.
    pub execution: String,
    /// Spinnaker's status.
    pub status: String,
    /// The reason.
    pub why: String,
}

/// Reads the whole run.
#[query("get.v1", reply = NamedFields<Run>)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct GetDeployment {}
