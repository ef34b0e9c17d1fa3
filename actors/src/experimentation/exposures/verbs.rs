//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{CountExposure, Exposures, GetExposures};

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry.kind::<Exposures>().command::<Exposures, CountExposure>().query::<Exposures, GetExposures>()
}
