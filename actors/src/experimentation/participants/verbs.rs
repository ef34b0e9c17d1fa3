//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{Expose, GetParticipant, Measure, Participant};

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry
        .kind::<Participant>()
        .command::<Participant, Expose>()
        .command::<Participant, Measure>()
        .query::<Participant, GetParticipant>()
}
