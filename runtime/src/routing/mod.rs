//! From an address to its shard's leader and back: what every caller holds.

mod router;
mod solo;

pub use router::{AskOptions, Dispatch, Router};
pub use solo::Solo;
