//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{Catalog, Declare, ListGroups, Retire};

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry
        .kind::<Catalog>()
        .command::<Catalog, Declare>()
        .command::<Catalog, Retire>()
        .query::<Catalog, ListGroups>()
}
