//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{
    Beat, Begin, DropNote, Finish, Forget, GetRun, GetStanding, Hear, Log, MutateTags, NewStep, NewTask,
    Report, Run, Silent,
};

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry
        .kind::<Run>()
        .command::<Run, Begin>()
        .command::<Run, Beat>()
        .command::<Run, NewStep>()
        .command::<Run, NewTask>()
        .command::<Run, Hear>()
        .command::<Run, MutateTags>()
        .command::<Run, Log>()
        .command::<Run, DropNote>()
        .command::<Run, Finish>()
        .command::<Run, Report>()
        .command::<Run, Silent>()
        .command::<Run, Forget>()
        .query::<Run, GetRun>()
        .query::<Run, GetStanding>()
}
