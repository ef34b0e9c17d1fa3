//! The kinds of this container.

use troupe_runtime::Registry;

use super::{content, members};

/// Registers every entity of this container.
pub fn register(registry: Registry) -> Registry {
    members::register(content::register(registry))
}
