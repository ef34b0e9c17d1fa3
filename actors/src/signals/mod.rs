//! Signals: that something has happened for which others wait. A monitor raises one when the world has moved; what
//! waits for it reads the newest, or is started by it. The same happening raises a signal once.

mod messages;
mod state;
#[cfg(test)]
mod tests;

pub use messages::{GetSignal, Raise, Raised, SignalView};
pub use state::{Event, KEPT_MAX, Signal};
