//! ML observability: monitors over rows and labels, and the series that the platform keeps of itself.

pub mod monitors;
pub mod series;

use troupe_runtime::Registry;

/// Registers every entity of this container.
pub fn register(registry: Registry) -> Registry {
    series::register(monitors::register(registry))
}
