//! Experiments: which variation a member is in, decided by a hash alone, so that every node and every SDK agrees; or dealt
//! out beforehand to a set of members that is known.

mod allocation;
mod batch;
mod messages;
mod plan;
mod starting;
mod state;
#[cfg(test)]
mod tests;
mod verbs;

pub use batch::Batch;
pub use messages::{
    Candidate, Climb, Conclude, Deal, Dealt, Define, ExperimentSpec, ExperimentView, GetExperiment, GetPower,
    PlanAhead, Power, Start, State, Stop, Variation,
};
pub use plan::{Correction, Good, Layer, Method, MetricSpec, Of, Plan};
pub use state::{Event, Experiment};
pub use verbs::register;
