//! Traffic: the version of a model that serves each member.
//! Each model has one entity in the control group, so that every gateway reads its local replica (bounded staleness).
//! Without a split the champion serves all members. A split names a production and a canary. A canary under analysis
//! also has a baseline: production's version under another label, with the size of the canary, so that the two differ
//! only in the version. A hash assigns a member's role, so the role is the same on every node. While weights only
//! grow, no member leaves the canary.
//! A running experiment keeps its members, because a canary in one of its arms would be measured as that arm. A split
//! with `over_experiments` takes the members of its canary and baseline out of experiments instead.
//! The holder of a split is the deployment or person that set it, until it gives the split back. Other requests are
//! refused meanwhile, so that two deliveries of one model cannot move its members at once. A refused delivery waits in
//! a queue, first come, first served; it leaves the queue if it ends first.

mod messages;
mod queue;
mod split;
mod state;
#[cfg(test)]
mod tests;
mod verbs;

pub use messages::{Change, GetTraffic, GiveBack, SetTraffic, TrafficSet, TrafficView, Waiter};
pub use split::{Role, Split, WHOLE};
pub use state::{Event, Traffic};
pub use verbs::register;
