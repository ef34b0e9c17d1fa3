//! Amber: what is declared as a feature, and its values as of any time.

pub mod catalog;
pub mod values;

use troupe_runtime::Registry;

/// Registers every entity of this container.
pub fn register(registry: Registry) -> Registry {
    values::register(catalog::register(registry))
}
