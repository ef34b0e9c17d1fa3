//! Work queues: tasks for workers outside the entities, with leases and fencing.
//! An owner (a workflow's run, a deployment) offers a task to one of a few queues. A node's workers claim it under a
//! lease, send heartbeats while they run it, and finish it. The owner gets exactly one end: the outcome of the first
//! worker that still held its lease, a timeout, or a failure. The work itself may begin more than once, because a dead
//! worker cannot report its progress. The fencing number tells later deliveries from earlier ones.

mod messages;
mod queue;
mod state;
#[cfg(test)]
mod tests;
mod verbs;

pub use messages::{
    Beat, Claim, Failure, Finish, Finished, GetQueue, Grant, Granted, Offer, Outcome, Progress, QueueView,
    Sweep, TaskView, Waiting, WaitingView, Withdraw,
};
pub use queue::{QUEUES, queue_of, queues};
pub use state::{DELIVERIES_MAX, Event, LEASE_MS, SPEC_BYTES_MAX, TASKS_MAX, WorkQueue};
pub use verbs::register;
