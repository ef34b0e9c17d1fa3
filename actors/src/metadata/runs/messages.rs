//! What a run can be told and asked.

use std::collections::{BTreeMap, BTreeSet};

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Command, Query, Timestamp};

use super::logged::{Point, Value};
use super::standing::{Standing, Status};
use crate::metadata::flows::{Created, Made};

/// The silence of a run that needs no beats: whoever carries it on tells of its end.
pub const NO_BEATS: u64 = u64::MAX;

/// Begins the run; its flow says so, and whoever asked the flow says it again, so that it is there when that is answered.
/// Who does not wait for the flow says it without the number, which the flow tells the run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Begin {
    /// Its flow.
    pub flow: String,
    /// By which it is addressed.
    pub run: String,
    /// Counts the runs of the flow.
    pub number: u64,
    /// By whom.
    pub made: Made,
    /// When.
    pub at: Timestamp,
    /// Silence in milliseconds after which it has failed; [`NO_BEATS`] if nobody has to beat.
    pub silence_ms: u64,
    /// Its name for people.
    pub title: Option<String>,
    /// Values by name, for people.
    pub notes: BTreeMap<String, String>,
}

impl Command for Begin {
    const VERB: &'static str = "begin.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Says that it is alive.
#[derive(Debug, Clone, Default, Encode, Decode, Serialize, Deserialize)]
pub struct Beat {}

impl Command for Beat {
    const VERB: &'static str = "beat.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Makes a step; a second time changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewStep {
    /// Its name.
    pub step: String,
    /// By whom.
    #[serde(default)]
    pub made: Made,
}

impl Command for NewStep {
    const VERB: &'static str = "new-step.v1";
    type Reply = Created;
    const REPEATABLE: bool = true;
}

/// Makes a task of a step.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTask {
    /// The step.
    pub step: String,
    /// The name that the client gives it; a number is drawn where there is none.
    #[serde(default)]
    pub id: Option<String>,
    /// By whom.
    #[serde(default)]
    pub made: Made,
}

impl Command for NewTask {
    const VERB: &'static str = "new-task.v1";
    type Reply = TaskMade;
}

/// The answer to [`NewTask`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TaskMade {
    /// By which it is addressed.
    pub task: String,
    /// When it was made.
    pub at: Timestamp,
}

/// Tells the run what was heard of one of its tasks.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hear {
    /// The task's step.
    pub step: String,
    /// The task.
    pub task: String,
    /// What.
    pub heard: Vec<Heard>,
}

impl Command for Hear {
    const VERB: &'static str = "hear.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// What was heard of a task.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub enum Heard {
    /// It is alive.
    Alive,
    /// An attempt ended; whether it did what it should.
    Attempt(u32, bool),
    /// The step that the run ends with.
    EndStep(String),
}

/// Adds and removes tags of people; what is in both is there afterwards.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MutateTags {
    /// Tags to add.
    pub add: Vec<String>,
    /// Tags to remove.
    pub remove: Vec<String>,
}

impl Command for MutateTags {
    const VERB: &'static str = "tags.v1";
    type Reply = Tags;
    const REPEATABLE: bool = true;
}

/// The answer to [`MutateTags`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Tags {
    /// All tags of people.
    pub tags: Vec<String>,
}

/// Logs parameters, values and figures.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// Figures by name.
    pub metrics: Vec<(String, Point)>,
    /// Parameters; one that is there keeps its value.
    pub params: Vec<Value>,
    /// Values, which replace those of their names.
    pub notes: Vec<Value>,
}

impl Command for Log {
    const VERB: &'static str = "log.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Takes a value away.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropNote {
    /// Its name.
    pub key: String,
}

impl Command for DropNote {
    const VERB: &'static str = "drop-note.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Says how the run is, names it, or puts it aside; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Finish {
    /// How it is.
    pub status: Option<Status>,
    /// The word for it that the client used.
    pub word: String,
    /// When it ended, by the client's clock.
    pub ended: Option<Timestamp>,
    /// Its name for people.
    pub title: Option<String>,
    /// Whether it is put aside.
    pub deleted: Option<bool>,
}

impl Command for Finish {
    const VERB: &'static str = "finish.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Says what came of the run and how it is; whoever carries it on does, and what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Report {
    /// Tags to add. They name what came of the run: no edge of the lineage leads from them to it.
    pub tags: Vec<String>,
    /// How it is.
    pub standing: Option<Standing>,
}

impl Command for Report {
    const VERB: &'static str = "report.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Looks at the clock; its own timer tells it.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Silent {}

impl Command for Silent {
    const VERB: &'static str = "silent.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Forgets everything; the flow has.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Forget {}

impl Command for Forget {
    const VERB: &'static str = "forget.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Asks for the run without its tasks.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetRun {}

/// A step of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct StepView {
    /// Counts steps by when they were made.
    pub place: u64,
    /// By whom.
    pub made: Made,
    /// When.
    pub at: Timestamp,
    /// Tasks that were made.
    pub tasks: u64,
    /// Keys of the blocks that hold them.
    pub blocks: BTreeSet<String>,
}

/// The answer to [`GetRun`].
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct RunView {
    /// How it began; none if it never did, or was forgotten.
    pub begun: Option<Begin>,
    /// How it is, at this moment.
    pub standing: Standing,
    /// When it was last heard of.
    pub beat: Timestamp,
    /// By name.
    pub steps: BTreeMap<String, StepView>,
    /// Tasks that were made.
    pub tasks: u64,
    /// Parameters by name.
    pub params: BTreeMap<String, String>,
    /// Values by name.
    pub notes: BTreeMap<String, String>,
    /// The figure that stands for all of its name.
    pub metrics: BTreeMap<String, Point>,
    /// Its name for people.
    pub title: Option<String>,
    /// Whether it is put aside.
    pub deleted: bool,
}

impl Query for GetRun {
    const VERB: &'static str = "get.v1";
    type Reply = RunView;
}

/// Asks how the run is, and no more.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetStanding {}

/// The answer to [`GetStanding`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct StandingView {
    /// How it is, at this moment.
    pub standing: Standing,
    /// When it was last heard of.
    pub beat: Timestamp,
}

impl Query for GetStanding {
    const VERB: &'static str = "standing.v1";
    type Reply = StandingView;
}
