//! What containers share: signals, work queues, directories, and probes of the runtime.

pub mod directory;
pub mod probes;
pub mod signals;
pub mod work_queues;

use troupe_runtime::Registry;

/// Registers every entity of this container.
pub fn register(registry: Registry) -> Registry {
    work_queues::register(signals::register(probes::register(directory::register(registry))))
}
