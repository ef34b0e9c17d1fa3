//! The clients: each has its own connections and one call in flight, through the gateways of all nodes.
//!
//! Three of five clients roam, as a program with the SDK does. If a gateway does not answer, they retry at the next one
//! under the same idempotency key. They measure the outage of the cluster as a whole. The other clients stay with one node
//! and send each call once, so they see the replies of a partitioned or frozen node.

mod attempt;
mod client;
mod clients;
mod draw;
mod tally;

pub use attempt::{Gateway, Outcome, Request};
pub use clients::{Clients, Collected, Effects};
pub use draw::{Draw, KEYS_LIVE};
pub use tally::{Success, Tally, TallyView};
