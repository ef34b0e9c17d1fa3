//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{AddMembers, AddSums, Follow, GetOutcome, LookNow, Outcome, Withdraw};

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry
        .kind::<Outcome>()
        .command::<Outcome, AddMembers>()
        .command::<Outcome, Withdraw>()
        .command::<Outcome, AddSums>()
        .command::<Outcome, Follow>()
        .command::<Outcome, LookNow>()
        .query::<Outcome, GetOutcome>()
}
