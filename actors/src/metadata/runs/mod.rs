//! Runs: one execution of a flow, with its steps, its tags, its logged data and its liveness.
//!
//! Any activity of a run is a sign of life: its own heartbeat, one of a task, a new step, a record, a logged value. A
//! run without a sign of life for its client's heartbeat timeout has failed, with that reason. A later sign of life
//! reverts that failure. So a run never stays running without limit, and has not failed while it sends heartbeats. A
//! run of a workflow needs no heartbeats: the workflow reports its end. A run's tasks are kept in separate blocks in
//! the run's shard.

mod deciding;
mod logged;
#[cfg(test)]
mod logged_tests;
mod messages;
mod standing;
mod state;
#[cfg(test)]
mod tests;
mod verbs;

pub use logged::{NAMES_MAX, Point, Value};
pub use messages::{
    Beat, Begin, DropNote, Finish, Forget, GetRun, GetStanding, Hear, Heard, Log, MutateTags, NO_BEATS,
    NewStep, NewTask, Report, RunView, Silent, StandingView, StepView, Tags, TaskMade,
};
pub use standing::{Standing, Status};
pub use state::{Change, Event, Run, STEPS_MAX, TASKS_MAX, run_key};
pub use verbs::register;
