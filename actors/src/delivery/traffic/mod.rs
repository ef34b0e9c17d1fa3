//! Traffic: which version of a model answers which members.
//!
//! One entity for each model, in the control group, so that every gateway obeys what it last applied without asking.
//! Without a split the champion answers everybody. A split names a production, a canary and, beside a canary that is being
//! judged, a baseline: production's own version under its own label and of the canary's size, so that the two differ in
//! the version alone. A member's role follows from a hash, so it stays the same on every node, and while weights only grow
//! nobody who saw the canary leaves it.
//!
//! A running experiment keeps its members, because a canary in one of its arms would be measured as that arm; a split that
//! is `over_experiments` takes the members of its canary and baseline out of experiments instead.
//!
//! A split is held by whoever set it until it is given back: another one is refused meanwhile, so that two deliveries of
//! a model cannot pull at its members from two sides. A delivery that was refused so has a place in a queue: who came first
//! gets the traffic with its return, and who ends before leaves the queue.

mod messages;
mod queue;
mod split;
mod state;
#[cfg(test)]
mod tests;
mod verbs;

pub use messages::{Change, GetTraffic, GiveBack, SetTraffic, TrafficSet, TrafficView};
pub use queue::Waiter;
pub use split::{Role, Split, WHOLE};
pub use state::{Event, Traffic};
pub use verbs::register;
