//! The entities of this container.

use troupe_runtime::Registry;

use super::{directory, probes, signals, work_queues};

/// Registers every entity of this container.
pub fn register(registry: Registry) -> Registry {
    work_queues::register(signals::register(probes::register(directory::register(registry))))
}
