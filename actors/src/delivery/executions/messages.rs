//! What a deployment can be told and asked.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Command, Query};

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

/// Makes it; its pipeline tells it, once, and later that its turn has come. Never refused.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    /// All that it is.
    pub begun: NamedFields<Begun>,
    /// Whether it waits for its turn.
    pub waits: bool,
}
command!(Begin, "begin.v1");

/// Its turn has come. Never refused.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Go {}
command!(Go, "go.v1");

/// Ends it: traffic goes back to production at once. One that has ended stays as it is. Never refused but where there is
/// none.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    /// Who, for people.
    #[serde(default)]
    pub by: String,
    /// Why, for people.
    #[serde(default)]
    pub why: String,
}
command!(Cancel, "cancel.v1");

/// Begins no stage until it is resumed; what has begun goes on.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// Who, for people.
    #[serde(default)]
    pub by: String,
}
command!(Pause, "pause.v1");

/// Goes on.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// Who, for people.
    #[serde(default)]
    pub by: String,
}
command!(Resume, "resume.v1");

/// Answers a stage that asks somebody.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judge {
    /// The stage's ref id.
    pub stage: String,
    /// `continue` or `stop`.
    pub judgment: String,
    /// Which of the stage's options, if it has any.
    #[serde(default)]
    pub option: String,
    /// Who, for people.
    #[serde(default)]
    pub by: String,
}
command!(Judge, "judge.v1");

/// Tries a stage again, and all that comes after it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestartStage {
    /// The stage's ref id.
    pub stage: String,
    /// Who, for people.
    #[serde(default)]
    pub by: String,
}
command!(RestartStage, "restart.v1");

/// Looks at the clock; its own timer tells it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Due {}
command!(Due, "due.v1");

/// Tells whoever had a pipeline run how that ended.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChildEnded {
    /// The question's id.
    pub id: String,
    /// The execution's key; empty if there is none.
    pub execution: String,
    /// Spinnaker's word for how it ended, or that it began.
    pub status: String,
    /// Why.
    pub why: String,
}
command!(ChildEnded, "child-ended.v1");

/// Asks for everything.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct GetDeployment {}

impl Query for GetDeployment {
    const VERB: &'static str = "get.v1";
    type Reply = NamedFields<Run>;
}
