//! Feature values: one entity for each group and whoever it is keyed by. Reading and writing meet in the same actor, so a
//! value is fresh when its interaction is acknowledged.
//!
//! Windows are sawtooth over event time: their tail moves in hops. The hop is five minutes for windows under twelve
//! hours, an hour under twelve days, else a day (Chronon's resolution), so that a window is at most 400 tiles. A window
//! that ends at `at` holds the event times from `at - window`, rounded down to its hop, to the end of the hop that `at` is
//! in; one that ends now has therefore seen everything up to now. An interaction dated ahead of the clock waits in its
//! own tile until the clock reaches it, and does not push older ones out.
//!
//! A late interaction counts in its own tile while that tile is still in the window of the newest; behind that it can
//! change no value any more, but those without a window.
//!
//! The group's shape comes from the catalogue as the leader of the shard knows it. An interaction that arrives before
//! its group is known there waits ([`WAITING_MAX`] of them) and counts when it is; a shape older than the entity's own
//! never replaces it.

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
