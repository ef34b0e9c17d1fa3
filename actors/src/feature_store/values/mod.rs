//! Feature values: one entity for each group and each member, content or context value. The same actor reads and
//! writes the values, so that a value is fresh once its interaction is acknowledged.
//!
//! Windows are sawtooth windows over event time: their tail moves in hops. The hop is five minutes for windows under
//! twelve hours, one hour for windows under twelve days, else one day (Chronon's resolution). A window has at most
//! 400 tiles. A window that ends at `at` starts at `at - window`, rounded down to its hop, and ends with the hop that
//! contains `at`. A window that ends now therefore contains every interaction so far. An interaction dated ahead of
//! the clock waits in its own tile until the clock reaches it, and does not push older tiles out.
//!
//! A late interaction counts in its own tile while that tile is inside the newest window. After that it only changes
//! features without a window.
//!
//! The group's shape comes from the catalogue as known to the shard's leader. An interaction that arrives before its
//! group is known waits (at most [`WAITING_MAX`] of them) and counts once the group is known. A shape older than the
//! entity's own never replaces it.

mod distinct;
mod messages;
mod state;
#[cfg(test)]
mod tests;
mod tile;
mod verbs;

pub use distinct::Distinct;
pub use messages::{LookedUp, Lookup, Observe, Status, Value};
pub use state::{Event, Features, WAITING_MAX};
pub use tile::hop_of;
pub use verbs::register;
