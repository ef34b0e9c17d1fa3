//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{DefineFlag, Flag, GetFlag, Switch};

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry.kind::<Flag>().command::<Flag, DefineFlag>().command::<Flag, Switch>().query::<Flag, GetFlag>()
}
