//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{Content, Count, Describe, GetContent};

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry
        .kind::<Content>()
        .command::<Content, Describe>()
        .command::<Content, Count>()
        .query::<Content, GetContent>()
}
