//! The worker of a node: it claims tasks from the work queues that the node leads, executes them, and reports the outcome.
//!
//! Each queue is polled by its leader, in memory, so polling costs almost nothing. A leadership transfer moves the work
//! too. A task's lease must be renewed by heartbeats: a worker that lost the lease drops the task.

mod actor;
mod background;
pub mod canaries;
mod config;
mod executors;
mod progress;
mod round;
mod task;

pub use actor::Work;
pub use config::WorkConfig;
pub use executors::{ExecutorContext, Executors};
