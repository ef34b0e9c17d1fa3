//! Messages of a flow.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Timestamp, command, query};

use super::made::Made;
use crate::metadata::runs::Status;

/// Creates the flow; a repeat changes nothing.
#[command("create.v1", reply = Created, repeatable)]
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CreateFlow {
    /// Creator and tags.
    pub made: Made,
    /// Display name, if it differs from the key.
    pub title: Option<String>,
    /// Notes by name.
    pub notes: BTreeMap<String, String>,
}

/// The answer to messages that create an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Created {
    /// Whether this message created it.
    pub fresh: bool,
}

/// Changes the description of the flow; absent fields stay.
#[command("describe.v1", repeatable)]
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DescribeFlow {
    /// Display name.
    pub title: Option<String>,
    /// Whether it is marked as deleted.
    pub deleted: Option<bool>,
    /// Notes to set, by name.
    pub notes: BTreeMap<String, String>,
}

/// Removes a note of the flow; an unknown note is ignored.
#[command("drop-note.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropFlowNote {
    /// The note's name.
    pub key: String,
}

/// Starts a run.
#[command("start-run.v1", reply = Started)]
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StartRun {
    /// The client's name for the run; default the next number.
    pub id: Option<String>,
    /// Creator and tags.
    pub made: Made,
    /// Milliseconds without a heartbeat after which the run has failed.
    pub silence_ms: u64,
    /// Display name.
    pub title: Option<String>,
    /// Notes by name.
    pub notes: BTreeMap<String, String>,
}

/// The answer to [`StartRun`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Started {
    /// The run's address: its number, or the name that the client chose.
    pub run: String,
    /// Number of the run within the flow.
    pub number: u64,
    /// Time of the start.
    pub at: Timestamp,
}

/// The summary of a run, as last reported by the run.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct RunSummary {
    /// The run's address.
    pub run: String,
    /// Number of the run within the flow.
    pub number: u64,
    /// Creator and tags.
    pub made: Made,
    /// Time of the start.
    pub at: Timestamp,
    /// Time of the last sign of life that the run reported to the flow.
    pub beat: Timestamp,
    /// Status.
    pub status: Status,
    /// The reason for the status.
    pub why: String,
    /// Time of the end.
    pub ended: Option<Timestamp>,
    /// Display name.
    pub title: Option<String>,
    /// Whether it is marked as deleted.
    pub deleted: bool,
    /// Number of reports by the run.
    pub revision: u64,
}

/// Reports the status of a run to its flow.
#[command("told.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpdateRun {
    /// The run's summary.
    pub summary: RunSummary,
}

/// Reads the flow without its runs.
#[query("get.v1", reply = FlowView)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetFlow {}

/// The answer to [`GetFlow`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct FlowView {
    /// Creator and tags; `None` if the flow was never created.
    pub made: Option<Made>,
    /// Time of creation.
    pub at: Timestamp,
    /// Display name.
    pub title: Option<String>,
    /// Whether it is marked as deleted.
    pub deleted: bool,
    /// Notes by name.
    pub notes: BTreeMap<String, String>,
    /// Number of runs kept.
    pub runs: u64,
    /// Number of runs forgotten.
    pub forgotten: u64,
    /// Time of the last change of the flow or of one of its runs.
    pub changed: Timestamp,
}

/// Lists runs, newest first.
#[query("list-runs.v1", reply = Vec<RunSummary>)]
#[derive(Debug, Clone, Default, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct ListRuns {
    /// Only runs with a number below this one.
    pub before: Option<u64>,
    /// Upper bound on the runs in the answer; at most 500.
    pub limit: u64,
}
