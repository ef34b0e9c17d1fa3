//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{Advance, GetModel, Model, Promote, Publish};

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry
        .kind::<Model>()
        .command::<Model, Publish>()
        .command::<Model, Promote>()
        .command::<Model, Advance>()
        .query::<Model, GetModel>()
}
