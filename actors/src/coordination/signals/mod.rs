//! Signals: named events that other entities wait for. For example, a monitor raises one on drift. Consumers read the
//! newest raises or subscribe. Raises are idempotent by their id, and each subscriber gets each raise once.

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
