//! ABlaze: who sees what, what came of it, and the flags that clients evaluate.

pub mod clients;
pub mod experiments;
pub mod exposures;
pub mod flags;
pub mod outcomes;
pub mod participants;

use troupe_runtime::Registry;

/// Registers every entity of this container.
pub fn register(registry: Registry) -> Registry {
    participants::register(outcomes::register(flags::register(exposures::register(experiments::register(
        clients::register(registry),
    )))))
}
