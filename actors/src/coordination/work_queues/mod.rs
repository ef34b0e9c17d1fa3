//! Tasks: work that leaves the cluster, kept until somebody has done it.
//!
//! An owner (a workflow's run, a deployment) offers a task to one of a few queues; a node's workers claim it under a lease,
//! beat while they are at it, and finish it. Whatever happens to workers and nodes, the owner is told exactly one end: what
//! the first worker that still held its lease made of it, that time ran out, or that it could not be done. The work itself
//! may be begun more than once, because a worker that dies cannot say how far it came; its fence number tells later tries
//! from earlier ones.

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
