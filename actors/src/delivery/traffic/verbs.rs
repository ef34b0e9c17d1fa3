//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{GetTraffic, GiveBack, SetTraffic, Traffic};

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry
        .kind::<Traffic>()
        .command::<Traffic, SetTraffic>()
        .command::<Traffic, GiveBack>()
        .query::<Traffic, GetTraffic>()
}
