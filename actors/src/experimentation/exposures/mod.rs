//! Counters of experiment exposures. Each variation has several buckets, so that no counter is a hot spot. A member
//! counts once: it remembers its variations and sends only a new one to a counter.

mod messages;
mod state;
#[cfg(test)]
mod tests;
mod verbs;

pub use messages::{CountExposure, GetExposures};
pub use state::{BUCKETS, Event, Exposures};
pub use verbs::register;
