//! Clients: each with its own connections, one call at a time, through the gateways of all nodes.
//!
//! Half of them roam, as a program with the SDK does: where one gateway does not answer, the next is asked under the same
//! idempotency key. They say how long the cluster as a whole was away. The others stay with one node whatever happens to
//! it, and ask once: what a cut off or frozen node says, they hear.

mod attempt;
mod client;
mod crowd;
mod draw;
mod tally;

pub use attempt::{Gateway, Outcome, Request};
pub use crowd::{Crowd, Effects, Gone};
pub use draw::{Draw, KEYS_LIVE};
pub use tally::{Success, Tally, TallyView};
