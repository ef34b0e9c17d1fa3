//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{GetSignal, Raise, Signal, Spread, Subscribe, Unsubscribe};

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry
        .kind::<Signal>()
        .command::<Signal, Raise>()
        .command::<Signal, Subscribe>()
        .command::<Signal, Unsubscribe>()
        .command::<Signal, Spread>()
        .query::<Signal, GetSignal>()
}
