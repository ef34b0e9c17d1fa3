//! The kinds of this container.

use troupe_runtime::Registry;

use super::{catalog, values};

/// Registers every entity of this container.
pub fn register(registry: Registry) -> Registry {
    values::register(catalog::register(registry))
}
