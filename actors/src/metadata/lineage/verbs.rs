//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{GetLineage, Lineage, Linked, Relate};

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry
        .kind::<Lineage>()
        .command::<Lineage, Relate>()
        .command::<Lineage, Linked>()
        .query::<Lineage, GetLineage>()
}
