//! Flags that client SDKs of GrowthBook and Unleash evaluate themselves.
//!
//! Each flag is one entity in the control group, so every node serves all flags without asking another node. The flag
//! engine compiles a definition before it is accepted. A definition that a client would silently ignore is refused
//! with the path of the field. Allocation uses the hash function of the flag's own API, bit for bit.

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
