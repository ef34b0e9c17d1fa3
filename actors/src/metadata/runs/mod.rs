//! Runs: one run of a flow, with its steps, its tags, what was logged of it, and whether it is alive.
//!
//! A run is alive while anything of it is heard: its own beat, that of a task, a step, a record, a value. What nobody
//! hears of for as long as its client promised to beat has failed, with that reason; whatever is heard later takes that
//! back, so that a run never stays at work for ever and never has failed while it beats. Of a run of a workflow nobody has
//! to beat: the workflow tells of its end. A run's tasks are kept in blocks beside it, in its shard.

mod deciding;
mod logged;
mod messages;
mod standing;
mod state;
#[cfg(test)]
mod tests;
mod verbs;

pub use logged::{Point, Value};
pub use messages::{
    Beat, Begin, DropNote, Finish, Forget, GetRun, GetStanding, Hear, Heard, Log, MutateTags, NO_BEATS,
    NewStep, NewTask, Report, RunView, Silent, StandingView, StepView, Tags, TaskMade,
};
pub use standing::{Standing, Status};
pub use state::{Change, Event, Run, STEPS_MAX, TASKS_MAX, run_key};
pub use verbs::register;
