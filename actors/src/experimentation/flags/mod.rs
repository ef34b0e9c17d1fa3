//! Flags: what client SDKs of GrowthBook and Unleash evaluate for themselves.
//!
//! One entity for each flag, in the control group: every node serves all of them without asking. A definition is
//! compiled by the judges before it is taken, so that what a client would silently leave off is refused here with the
//! path of the field. What a flag allocates is decided by its door's own hash, bit for bit.

mod messages;
mod prerequisites;
mod state;
#[cfg(test)]
mod tests;
mod verbs;

pub use messages::{DefineFlag, Door, FlagView, GetFlag, Switch};
pub(crate) use prerequisites::circle;
pub(crate) use state::checked;
pub use state::{Event, FLAGS_MAX, Flag, growthbook_features, unleash_features};
pub use verbs::register;
