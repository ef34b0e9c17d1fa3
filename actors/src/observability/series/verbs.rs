//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{Append, Range, Series};

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry.kind::<Series>().command::<Series, Append>().query::<Series, Range>()
}
