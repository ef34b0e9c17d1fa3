//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{AddArtifacts, AddTask, BeatTask, ForgetTasks, GetTasks, NoteTask, Tasks};

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry
        .kind::<Tasks>()
        .command::<Tasks, AddTask>()
        .command::<Tasks, BeatTask>()
        .command::<Tasks, NoteTask>()
        .command::<Tasks, AddArtifacts>()
        .command::<Tasks, ForgetTasks>()
        .query::<Tasks, GetTasks>()
}
