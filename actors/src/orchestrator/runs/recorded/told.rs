//! The messages by which a run is recorded.

use troupe_runtime::{Address, Command, Decision};

use super::super::state::WorkflowRun;
use crate::metadata::flows::{CreateFlow, Flow, StartRun};
use crate::metadata::runs::{Begin, Log, MutateTags, NewStep, NewTask, Report, Run};
use crate::metadata::tasks::{AddArtifacts, AddTask, NoteTask, Tasks};

/// One of them, with the key of who is told.
pub(in crate::orchestrator::runs) enum Record {
    Flow(String, CreateFlow),
    Start(String, StartRun),
    Begin(String, Begin),
    Step(String, NewStep),
    Task(String, NewTask),
    Add(String, AddTask),
    Note(String, NoteTask),
    Made(String, AddArtifacts),
    Log(String, Log),
    Tags(String, MutateTags),
    Report(String, Report),
}

pub(in crate::orchestrator::runs) fn tell<C: Command>(
    decision: Decision<WorkflowRun, C>,
    record: Record,
) -> Decision<WorkflowRun, C> {
    let run = |key: String| Address::of::<Run>(key);
    match record {
        Record::Flow(key, create) => decision.tell(Address::of::<Flow>(key), &create),
        Record::Start(key, start) => decision.tell(Address::of::<Flow>(key), &start),
        Record::Begin(key, begin) => decision.tell(run(key), &begin),
        Record::Step(key, step) => decision.tell(run(key), &step),
        Record::Task(key, task) => decision.tell(run(key), &task),
        Record::Add(key, add) => decision.tell(Address::of::<Tasks>(key), &add),
        Record::Note(key, note) => decision.tell(Address::of::<Tasks>(key), &note),
        Record::Made(key, made) => decision.tell(Address::of::<Tasks>(key), &made),
        Record::Log(key, log) => decision.tell(run(key), &log),
        Record::Tags(key, tags) => decision.tell(run(key), &tags),
        Record::Report(key, report) => decision.tell(run(key), &report),
    }
}
