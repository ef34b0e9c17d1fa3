//! Experiments: which variation a member is in, decided by a hash alone, so that every node and every SDK agrees.

mod messages;
mod plan;
mod state;
#[cfg(test)]
mod tests;

pub use messages::{
    Climb, Conclude, Define, ExperimentSpec, ExperimentView, GetExperiment, PlanAhead, Start, State, Stop,
    Variation,
};
pub use plan::{Correction, Good, Layer, Method, MetricSpec, Of, Plan};
pub use state::{Event, Experiment};
