//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{Beat, Claim, Finish, GetQueue, Offer, Sweep, Waiting, Withdraw, WorkQueue};

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry
        .kind::<WorkQueue>()
        .command::<WorkQueue, Offer>()
        .command::<WorkQueue, Withdraw>()
        .command::<WorkQueue, Claim>()
        .command::<WorkQueue, Beat>()
        .command::<WorkQueue, Finish>()
        .command::<WorkQueue, Sweep>()
        .query::<WorkQueue, Waiting>()
        .query::<WorkQueue, GetQueue>()
}
