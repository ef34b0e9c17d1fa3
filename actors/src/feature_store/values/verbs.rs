//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{Features, Lookup, Observe};

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry.kind::<Features>().command::<Features, Observe>().query::<Features, Lookup>()
}
