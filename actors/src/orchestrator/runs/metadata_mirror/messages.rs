//! The messages that mirror a run.

use troupe_runtime::{Address, Command, Decision};

use super::super::state::WorkflowRun;
use crate::metadata::flows::{CreateFlow, Flow, StartRun};
use crate::metadata::runs::{Begin, Log, MutateTags, NewStep, NewTask, Report, Run};
use crate::metadata::tasks::{AddArtifacts, AddTask, NoteTask, Tasks};

/// One message, with the key of its target.
pub(in crate::orchestrator::runs) enum MirrorMessage {
    Flow(String, CreateFlow),
    Start(String, StartRun),
    Begin(String, Begin),
    Step(String, NewStep),
    Task(String, NewTask),
    Add(String, AddTask),
    Note(String, NoteTask),
    Artifacts(String, AddArtifacts),
    Log(String, Log),
    Tags(String, MutateTags),
    Report(String, Report),
}

impl MirrorMessage {
    /// Adds the message to a decision.
    pub(in crate::orchestrator::runs) fn send<C: Command>(
        self,
        decision: Decision<WorkflowRun, C>,
    ) -> Decision<WorkflowRun, C> {
        let run = |key: String| Address::of::<Run>(key);
        match self {
            Self::Flow(key, create) => decision.tell(Address::of::<Flow>(key), &create),
            Self::Start(key, start) => decision.tell(Address::of::<Flow>(key), &start),
            Self::Begin(key, begin) => decision.tell(run(key), &begin),
            Self::Step(key, step) => decision.tell(run(key), &step),
            Self::Task(key, task) => decision.tell(run(key), &task),
            Self::Add(key, add) => decision.tell(Address::of::<Tasks>(key), &add),
            Self::Note(key, note) => decision.tell(Address::of::<Tasks>(key), &note),
            Self::Artifacts(key, artifacts) => decision.tell(Address::of::<Tasks>(key), &artifacts),
            Self::Log(key, log) => decision.tell(run(key), &log),
            Self::Tags(key, tags) => decision.tell(run(key), &tags),
            Self::Report(key, report) => decision.tell(run(key), &report),
        }
    }
}
