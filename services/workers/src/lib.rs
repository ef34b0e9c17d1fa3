//! What a node does for tasks: it claims what waits in the queues that it leads, does it, and says how it ended.
//!
//! A queue is asked by the node that leads it, in memory, so looking is next to free; whoever takes the lead takes the
//! work. A task is at hand only while its lease is beaten: a worker that learns that it lost the lease drops the work.

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
