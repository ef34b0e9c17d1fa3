//! What a flow can be told and asked.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Command, Query, Timestamp};

use super::made::Made;
use crate::metadata::runs::Status;

/// Makes the flow; a second time changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CreateFlow {
    /// By whom.
    pub made: Made,
    /// Its name for people, where that is not its key.
    pub title: Option<String>,
    /// Values by name, for people.
    pub notes: BTreeMap<String, String>,
}

impl Command for CreateFlow {
    const VERB: &'static str = "create.v1";
    type Reply = Created;
    const REPEATABLE: bool = true;
}

/// The answer to what makes a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Created {
    /// Whether it is there since now, and not from before.
    pub fresh: bool,
}

/// Changes what people see of the flow; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DescribeFlow {
    /// Its name for people.
    pub title: Option<String>,
    /// Whether it is put aside.
    pub deleted: Option<bool>,
    /// Values to set, by name.
    pub notes: BTreeMap<String, String>,
}

/// Takes a value of the flow away; one that is not there is no error.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropFlowNote {
    /// Its name.
    pub key: String,
}

impl Command for DropFlowNote {
    const VERB: &'static str = "drop-note.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

impl Command for DescribeFlow {
    const VERB: &'static str = "describe.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Begins a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StartRun {
    /// The name that the client gives it; a number is drawn where there is none.
    pub id: Option<String>,
    /// By whom.
    pub made: Made,
    /// Silence in milliseconds after which the run has failed.
    pub silence_ms: u64,
    /// Its name for people.
    pub title: Option<String>,
    /// Values by name, for people.
    pub notes: BTreeMap<String, String>,
}

impl Command for StartRun {
    const VERB: &'static str = "start-run.v1";
    type Reply = Started;
}

/// The answer to [`StartRun`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Started {
    /// By which it is addressed: its number, or the name that the client gave it.
    pub run: String,
    /// Counts the runs of the flow.
    pub number: u64,
    /// When it began.
    pub at: Timestamp,
}

/// A run in short, as it last told of itself.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct RunSummary {
    /// By which it is addressed.
    pub run: String,
    /// Counts the runs of the flow.
    pub number: u64,
    /// By whom.
    pub made: Made,
    /// When it began.
    pub at: Timestamp,
    /// When it was last heard of, as far as the flow was told.
    pub beat: Timestamp,
    /// How it is.
    pub status: Status,
    /// Why.
    pub why: String,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Its name for people.
    pub title: Option<String>,
    /// Whether it is put aside.
    pub deleted: bool,
    /// Counts what the run tells.
    pub revision: u64,
}

/// Tells the flow how one of its runs is.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// The run.
    pub summary: RunSummary,
}

impl Command for Told {
    const VERB: &'static str = "told.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Asks for the flow without its runs.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetFlow {}

/// The answer to [`GetFlow`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct FlowView {
    /// By whom it was made; none if it never was.
    pub made: Option<Made>,
    /// When.
    pub at: Timestamp,
    /// Its name for people.
    pub title: Option<String>,
    /// Whether it is put aside.
    pub deleted: bool,
    /// Values by name, for people.
    pub notes: BTreeMap<String, String>,
    /// Runs that it knows.
    pub runs: u64,
    /// Runs that it has forgotten.
    pub forgotten: u64,
    /// When it or one of its runs last changed.
    pub changed: Timestamp,
}

impl Query for GetFlow {
    const VERB: &'static str = "get.v1";
    type Reply = FlowView;
}

/// Asks for runs, newest first.
#[derive(Debug, Clone, Default, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct ListRuns {
    /// Only those that began before the one of this number.
    pub before: Option<u64>,
    /// At most so many; 500 at most.
    pub limit: u64,
}

impl Query for ListRuns {
    const VERB: &'static str = "list-runs.v1";
    type Reply = Vec<RunSummary>;
}
