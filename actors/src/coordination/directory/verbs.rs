//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{Directory, GetDirectory, Remove, Upsert};

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry
        .kind::<Directory>()
        .command::<Directory, Upsert>()
        .command::<Directory, Remove>()
        .query::<Directory, GetDirectory>()
}
