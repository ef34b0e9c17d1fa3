//! Signals: that something has happened for which others wait. A monitor raises one when the world has moved; what
//! waits for it reads the newest, or subscribes and is told. The same happening raises a signal once, and each subscriber
//! hears of each raise once.

mod messages;
mod state;
mod subscribers;
#[cfg(test)]
mod tests;
mod verbs;

pub use messages::{GetSignal, Heard, Raise, Raised, SignalView, Spread, Subscribe, Unsubscribe};
pub use state::{Event, KEPT_MAX, Signal};
pub use subscribers::{AT_ONCE_MAX, SUBSCRIBERS_MAX, Subscribers, Subscription};
pub use verbs::register;
