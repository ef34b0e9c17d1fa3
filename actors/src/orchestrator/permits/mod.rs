//! Permits: the concurrency limit of the steps with a tag, over all workflows.
//!
//! One entity for each tag. A run acquires the permit before a step's work and releases it at the end of the attempt.
//! Both are effects, so a node's death neither loses nor repeats one. A tag without a limit grants every request and
//! still records the holders, so a limit that is set later counts them.

mod messages;
mod state;
#[cfg(test)]
mod tests;
mod verbs;

pub use messages::{Acquire, GetPermit, PermitView, Permitted, Release, SetPermit};
pub(crate) use state::NAMED;
pub use state::{Event, HELD_MAX, MOST_MAX, Permit};
pub use verbs::register;
