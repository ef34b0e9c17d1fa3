//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{Enrol, Follow, GetOutcome, LookNow, Outcome, Tally, Withdraw};

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry
        .kind::<Outcome>()
        .command::<Outcome, Enrol>()
        .command::<Outcome, Withdraw>()
        .command::<Outcome, Tally>()
        .command::<Outcome, Follow>()
        .command::<Outcome, LookNow>()
        .query::<Outcome, GetOutcome>()
}
