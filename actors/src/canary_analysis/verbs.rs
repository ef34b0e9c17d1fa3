//! The verbs of these kinds.

use troupe_runtime::Registry;

use super::{
    Canary, Cancel, DeleteConfig, GetCanary, GetConfig, GiveUp, JudgeLook, Overdue, PutConfig, StartCanary,
    StartFor, StoredConfig,
};

/// Registers the kinds and their verbs.
pub fn register(registry: Registry) -> Registry {
    registry
        .kind::<StoredConfig>()
        .command::<StoredConfig, PutConfig>()
        .command::<StoredConfig, DeleteConfig>()
        .query::<StoredConfig, GetConfig>()
        .kind::<Canary>()
        .command::<Canary, StartCanary>()
        .command::<Canary, StartFor>()
        .command::<Canary, JudgeLook>()
        .command::<Canary, GiveUp>()
        .command::<Canary, Cancel>()
        .command::<Canary, Overdue>()
        .query::<Canary, GetCanary>()
}
