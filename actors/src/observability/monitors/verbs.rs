//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{Compare, DefineMonitor, GetMonitor, Label, Lift, MemberEvent, Monitor, Observe, Silence, Tick};

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry
        .kind::<Monitor>()
        .command::<Monitor, DefineMonitor>()
        .command::<Monitor, Observe>()
        .command::<Monitor, MemberEvent>()
        .command::<Monitor, Label>()
        .command::<Monitor, Silence>()
        .command::<Monitor, Lift>()
        .command::<Monitor, Tick>()
        .query::<Monitor, GetMonitor>()
        .query::<Monitor, Compare>()
}
