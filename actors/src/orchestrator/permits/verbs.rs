//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{Acquire, GetPermit, Permit, Release, SetPermit};

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry
        .kind::<Permit>()
        .command::<Permit, SetPermit>()
        .command::<Permit, Acquire>()
        .command::<Permit, Release>()
        .query::<Permit, GetPermit>()
}
