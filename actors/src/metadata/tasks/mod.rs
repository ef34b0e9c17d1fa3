//! Tasks of a run, in blocks of a few beside it: what each said of itself, what it made, and when it last beat.
//!
//! A block lives in the shard of its run and tells it what it hears, at most once a second where that is no more than a
//! sign of life. A foreach of ten thousand tasks is some hundreds of blocks, so that no event and no state grows with it.

mod messages;
mod state;
mod verbs;

pub use messages::{
    AddArtifacts, AddTask, Artifact, BeatTask, ForgetTasks, GetTasks, NamedFields as Taken, NewArtifact,
    NewRecord, NoteTask, Record, TaskView,
};
pub(crate) use state::MODEL_RECORD;
pub use state::{ARTIFACTS_MAX, Change, Event, RECORDS_MAX, Tasks, VALUE, block_of};
pub use verbs::register;
