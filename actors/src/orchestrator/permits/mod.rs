//! Permits: how many steps that bear a tag run at once, whatever workflows they are of.
//!
//! One entity for each tag. A run acquires before a step begins its work and releases when the attempt ends; both are
//! effects, so that neither is lost with a node nor counted twice. A tag without a bound lets everybody in, and still knows
//! who is there: a bound that is set later counts them.

mod messages;
mod state;
#[cfg(test)]
mod tests;
mod verbs;

pub use messages::{Acquire, GetPermit, PermitView, Permitted, Release, SetPermit};
pub(crate) use state::NAMED;
pub use state::{Event, HELD_MAX, MOST_MAX, Permit};
pub use verbs::register;
