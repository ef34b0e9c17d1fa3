//! Routes asks from an address to its shard's leader, and answers back.

mod attempts;
mod dispatcher;
mod peers;
mod router;
mod scripted;
mod solo;
mod typed;

pub use attempts::{ATTEMPT_MAX, Attempts, may_repeat};
pub use dispatcher::ClusterDispatch;
pub use peers::Peers;
pub use router::{Aged, AskOptions, Dispatch, Router};
pub use scripted::scripted;
pub use solo::Solo;
pub use typed::{ask, tell};
