//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{Beat, Claim, Finish, GetQueue, Offer, Queue, Sweep, Waiting, Withdraw};

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry
        .kind::<Queue>()
        .command::<Queue, Offer>()
        .command::<Queue, Withdraw>()
        .command::<Queue, Claim>()
        .command::<Queue, Beat>()
        .command::<Queue, Finish>()
        .command::<Queue, Sweep>()
        .query::<Queue, Waiting>()
        .query::<Queue, GetQueue>()
}
