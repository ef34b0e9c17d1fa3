//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{GetHistory, GetInputs, GetPredictions, GetProfile, Member, Record, Remember, SetProfile};

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry
        .kind::<Member>()
        .command::<Member, Record>()
        .command::<Member, SetProfile>()
        .command::<Member, Remember>()
        .query::<Member, GetProfile>()
        .query::<Member, GetHistory>()
        .query::<Member, GetInputs>()
        .query::<Member, GetPredictions>()
}
