//! The commands and queries of a deployment.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Command, query};

use super::run::{Begun, Run};
use crate::stored::NamedFields;

macro_rules! command {
    ($name:ident, $verb:literal) => {
        impl Command for $name {
            const VERB: &'static str = $verb;
            type Reply = ();
            const REPEATABLE: bool = true;
        }
    };
}

/// Creates the deployment; sent once by its pipeline. Never refused.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    /// The definition, parameters and origin.
    pub begun: NamedFields<Begun>,
    /// Whether it waits for [`Go`].
    pub waits: bool,
}
command!(Begin, "begin.v1");

/// Starts an execution that waited for its turn; sent by its pipeline. Never refused.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Go {}
command!(Go, "go.v1");

/// Cancels the execution and returns the traffic to production at once. Has no effect after the end. Refused only for
/// an unknown deployment.
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
command!(Cancel, "cancel.v1");

/// Pauses the execution: running stages go on, and no stage begins until [`Resume`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// The author, for the audit trail.
    #[serde(default)]
    pub by: String,
}
command!(Pause, "pause.v1");

/// Resumes a paused execution.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// The author, for the audit trail.
    #[serde(default)]
    pub by: String,
}
command!(Resume, "resume.v1");

/// Answers a judgment stage.
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
command!(Judge, "judge.v1");

/// Runs a stage, and every stage after it, again.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestartStage {
    /// The stage's ref id.
    pub stage: String,
    /// The author, for the audit trail.
    #[serde(default)]
    pub by: String,
}
command!(RestartStage, "restart.v1");

/// Handles due waits and timeouts; sent by the deployment's own timer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Due {}
command!(Due, "due.v1");

/// Reports the begin or the end of an execution to the entity that requested it.
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
command!(ChildEnded, "child-ended.v1");

/// Reads the whole run.
#[query("get.v1", reply = NamedFields<Run>)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct GetDeployment {}
