//! Tasks of a run, in blocks of a few: their records, artifacts and heartbeats.
//!
//! A block lives in the shard of its run and reports to the run. Plain heartbeats are reported at most once a second.
//! A foreach of ten thousand tasks has some hundreds of blocks, so that neither an event nor a state grows with the
//! foreach.

mod messages;
mod state;
mod verbs;

pub use messages::{
    AddArtifacts, AddTask, Artifact, BeatTask, ForgetTasks, GetTasks, KeptCount, NewArtifact, NewRecord,
    NoteTask, Record, TaskView,
};
pub(crate) use state::MODEL_RECORD;
pub use state::{ARTIFACTS_MAX, Change, Event, RECORDS_MAX, Tasks, VALUE, block_of};
pub use verbs::register;
