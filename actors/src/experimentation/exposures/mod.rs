//! Counters of experiment exposures, a few for each variation so that none is hot. A member counts once: it remembers
//! the variations it was in, and tells a counter only of a new one.

mod messages;
mod state;
#[cfg(test)]
mod tests;
mod verbs;

pub use messages::{CountExposure, GetExposures};
pub use state::{BUCKETS, Event, Exposures};
pub use verbs::register;
