//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{Climb, Conclude, Define, Experiment, GetExperiment, GetPower, PlanAhead, Start, Stop, Stratify};

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry
        .kind::<Experiment>()
        .command::<Experiment, Define>()
        .command::<Experiment, PlanAhead>()
        .command::<Experiment, Start>()
        .command::<Experiment, Conclude>()
        .command::<Experiment, Climb>()
        .command::<Experiment, Stop>()
        .command::<Experiment, Stratify>()
        .query::<Experiment, GetExperiment>()
        .query::<Experiment, GetPower>()
}
