//! Runs of workflows: one instance, or the iterations of one of its loops, from its beginning to its end.
//!
//! A run has lanes, and a lane is one pass through a list of steps: an instance has one, a stretch of a foreach as many
//! as it has iterations, a while one after the other. What the steps mean is `troupe_workflows`; what is here is when
//! which of them does what. A command is carried as far as it goes without anybody's help, so that steps that do nothing
//! cost next to nothing; beyond a bound the run goes on with the next tick, and lets others of its shard have a turn.
//!
//! Whatever a run waits for has an end: a task is told its end by its queue, a child by its own run, a sleep, a retry and
//! a timeout by the run's timer.

mod answers;
mod attempt;
mod begin;
mod breakpoints;
mod change;
mod control;
mod decide;
mod deploying;
mod facts;
mod inside;
mod lane;
mod leftovers;
mod looping;
mod messages;
mod past;
pub(crate) mod permits;
mod recorded;
mod signals;
mod state;
mod turn;

#[cfg(test)]
mod bounds_tests;
#[cfg(test)]
mod breakpoints_tests;
#[cfg(test)]
mod deploying_tests;
#[cfg(test)]
mod inside_tests;
#[cfg(test)]
mod past_tests;
#[cfg(test)]
mod tests;
mod verbs;
#[cfg(test)]
pub(crate) mod world;

pub use breakpoints::SetBreakpoints;
pub use change::{Change, Head};
pub(crate) use facts::carried;
pub use lane::{Attempt, Lane, LoopRun, StepRun};
pub use messages::{
    Act, ActOn, Begin, Counts, Ended, Forget, GetIterations, GetLoop, GetPastRun, GetRun, IterationsView,
    Kind, LaneView, LoopView, Parent, Restart, RestartAt, RunView, StepView, Stop, Tick,
};
pub use recorded::{TAG as RECORDED_TAG, flow_of, recorded_as, run_key_of};
pub use state::{Event, WorkflowRun, key_of};
pub use verbs::register;
