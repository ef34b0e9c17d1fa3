//! The actor that starts, watches, restarts and stops other actors.
//!
//! A supervisor owns its children's actor cells and its own timers. [`crate::strategy`] decides what to do. A failure
//! that the supervisor cannot recover from stops its children and then the supervisor itself, with an error. The parent
//! supervisor handles that as the failure of one child.

mod actor;
mod record;
mod start;
#[cfg(test)]
mod tests;

pub use actor::SupervisorMessage;
pub use record::Supervision;
pub use start::{supervise, supervisor_spec};
