//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{Clients, GetClients, Register, Report};

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry
        .kind::<Clients>()
        .command::<Clients, Register>()
        .command::<Clients, Report>()
        .query::<Clients, GetClients>()
}
