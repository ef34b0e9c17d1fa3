//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{Directory, Enlist, GetDirectory, Strike};

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry
        .kind::<Directory>()
        .command::<Directory, Enlist>()
        .command::<Directory, Strike>()
        .query::<Directory, GetDirectory>()
}
