//! Members and contents: what they did, and what is known of them.

pub mod content;
pub mod members;

use troupe_runtime::Registry;

/// Registers every entity of this container.
pub fn register(registry: Registry) -> Registry {
    members::register(content::register(registry))
}
