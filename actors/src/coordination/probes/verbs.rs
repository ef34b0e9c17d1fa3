//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{Append, Cas, Forward, Get, Keep, Probe, Put, Read, Take};

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry
        .kind::<Probe>()
        .command::<Probe, Put>()
        .command::<Probe, Cas>()
        .command::<Probe, Keep>()
        .command::<Probe, Append>()
        .command::<Probe, Forward>()
        .command::<Probe, Take>()
        .query::<Probe, Get>()
        .query::<Probe, Read>()
}
