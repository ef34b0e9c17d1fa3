//! Runs of workflows: one instance, or the iterations of one of its loops, from begin to end.
//!
//! A run has iterations, and an iteration is one pass through a list of steps. An instance has one. A batch of a
//! foreach has one for each value, up to a concurrency limit. A while has one after the other. `troupe_workflows`
//! defines the meaning of steps; this module decides when each of them starts and ends. One command carries a run on
//! until each of its steps waits, so steps without work cost little. Beyond the bounds of a log entry the run continues
//! with its next tick, and other actors of the shard get their turn.
//!
//! Each wait of a run has an end. A work queue reports the end of a task, and a child run reports its own. The run's
//! timer ends sleeps, retry delays and timeouts.
//!
//! # Modules
//! `step_run` and `iteration` hold the state, and `step_run` has all transitions of a step's status. `turn` copies the
//! state for one command and collects its event and its `outgoing` messages. Each area has its own view of the turn:
//! `run_turn`, `iterations` and `run_end` (the run), `attempts` and `attempt_end` (a step's attempt), `loops` and
//! `subworkflows` (child runs), `signals`, `permits`, `deployments`, `breakpoints`, `restarts`, `acts`, `cleanup` and
//! `metadata_mirror`.
//!
//! # States of a step
//! The statuses have Maestro's names. A status without next statuses is final. A restart of the instance does not use
//! this table: it resets each step that runs again to `NOT_CREATED`.
//!
//! | status | next statuses | the step |
//! |---|---|---|
//! | `NOT_CREATED` | `CREATED` `UNSATISFIED` `SKIPPED` | waits for the steps before it |
//! | `CREATED` | `PAUSED` `WAITING_FOR_SIGNALS` `WAITING_FOR_PERMITS` `RUNNING` `COMPLETED_WITH_ERROR` `FATALLY_FAILED` | has a new attempt, within one turn |
//! | `PAUSED` | `CREATED` `SKIPPED` `FATALLY_FAILED` `STOPPED` | is at a breakpoint |
//! | `WAITING_FOR_SIGNALS` | `WAITING_FOR_PERMITS` `RUNNING` `SKIPPED` `COMPLETED_WITH_ERROR` `FATALLY_FAILED` `STOPPED` `TIMEOUT_FAILED` `TIMED_OUT` | waits for signals |
//! | `WAITING_FOR_PERMITS` | `WAITING_FOR_PERMITS` `RUNNING` `SKIPPED` `COMPLETED_WITH_ERROR` `PLATFORM_FAILED` `FATALLY_FAILED` `STOPPED` `TIMEOUT_FAILED` `TIMED_OUT` | waits for a permit, one after the other |
//! | `RUNNING` | `SKIPPED` `SUCCEEDED` `COMPLETED_WITH_ERROR` `USER_FAILED` `PLATFORM_FAILED` `FATALLY_FAILED` `STOPPED` `TIMEOUT_FAILED` `TIMED_OUT` | works |
//! | `UNSATISFIED` | | has no taken edge that leads to it |
//! | `SKIPPED` | | counts as complete on a user's act |
//! | `SUCCEEDED` | `COMPLETED_WITH_ERROR` `FATALLY_FAILED` `INTERNALLY_FAILED` | is complete; fails if its signals or edges cannot be evaluated |
//! | `COMPLETED_WITH_ERROR` | `INTERNALLY_FAILED` | is complete, its failure is ignored |
//! | `USER_FAILED` | `CREATED` `SKIPPED` `FATALLY_FAILED` `STOPPED` | waits for its retry |
//! | `PLATFORM_FAILED` | `CREATED` `SKIPPED` `FATALLY_FAILED` `STOPPED` | waits for its retry |
//! | `FATALLY_FAILED` | `CREATED` | failed finally; a user may retry it while the run goes on |
//! | `INTERNALLY_FAILED` | `CREATED` | failed in the engine; as above |
//! | `STOPPED` | `CREATED` | was stopped; as above |
//! | `TIMEOUT_FAILED` | `CREATED` `SKIPPED` `FATALLY_FAILED` `STOPPED` | waits for its retry |
//! | `TIMED_OUT` | `CREATED` | took too long finally; as above |

mod acts;
mod answers;
mod attempt_end;
mod attempts;
mod breakpoints;
mod change;
mod cleanup;
mod decide;
mod deployments;
mod iteration;
mod iterations;
mod loop_run;
mod loops;
mod messages;
mod metadata_mirror;
mod nested_outputs;
mod outgoing;
mod past;
pub(crate) mod permits;
mod restarts;
mod run_end;
mod run_turn;
mod signals;
mod state;
mod step_at;
mod step_run;
mod step_scope;
mod subworkflows;
mod transitions;
mod turn;
mod verbs;
mod views;

#[cfg(test)]
mod bounds_tests;
#[cfg(test)]
mod breakpoints_tests;
#[cfg(test)]
mod deployments_tests;
#[cfg(test)]
mod nested_outputs_tests;
#[cfg(test)]
mod past_tests;
#[cfg(test)]
mod stored_names_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod transitions_tests;
#[cfg(test)]
pub(crate) mod world;

pub use breakpoints::SetBreakpoints;
pub use change::{Change, Head};
pub use iteration::Iteration;
pub use loop_run::LoopRun;
pub use messages::{
    Act, ActOn, Begin, Counts, Ended, Forget, GetIterations, GetLoop, GetPastRun, GetRun, Kind, Parent,
    Restart, RestartAt, Stop, Tick,
};
pub use metadata_mirror::{TAG as MIRROR_TAG, flow_of, mirror_id, run_key_of};
pub use state::{Event, WorkflowRun, key_of};
pub use step_run::{Attempt, StepRun};
pub(crate) use step_scope::carried;
pub use verbs::register;
pub use views::{IterationView, IterationsView, LoopView, RunView, StepView};
