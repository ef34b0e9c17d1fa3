//! Feature values: one entity for each group and whoever it is keyed by. Reading and writing meet in the same actor, so a
//! value is fresh when its interaction is acknowledged.
//!
//! Windows are sawtooth: their tail moves in hops, their head is exact. The hop is five minutes for windows under twelve
//! hours, an hour under twelve days, else a day (Chronon's resolution), so that a window is at most a few hundred tiles.

mod distinct;
mod messages;
mod state;
#[cfg(test)]
mod tests;
mod tile;

pub use distinct::Distinct;
pub use messages::{LookedUp, Lookup, Observe, Status, Value};
pub use state::{Event, Features};
pub use tile::hop_of;
