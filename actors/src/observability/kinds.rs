//! The entities of this container.

use troupe_runtime::Registry;

use super::{monitors, series};

/// Registers every entity of this container.
pub fn register(registry: Registry) -> Registry {
    series::register(monitors::register(registry))
}
