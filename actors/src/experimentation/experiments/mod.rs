//! Experiments: the assignment of members to variations. Either a hash alone decides, so that every node and every
//! SDK agrees, or a set of members known in advance is assigned as one balanced batch.

mod allocation;
mod batch;
mod messages;
mod plan;
mod power;
mod spec;
mod starting;
mod state;
mod stratify;
#[cfg(test)]
mod tests;
mod verbs;

pub use batch::Batch;
pub use messages::{
    Candidate, Climb, Conclude, Define, ExperimentView, GetExperiment, GetPower, PlanAhead, Power, Start,
    State, Stop, Stratified, Stratify,
};
pub use plan::{Aggregation, Correction, Direction, Layer, Method, MetricSpec, Plan};
pub use spec::{ExperimentSpec, Variation};
pub use state::{Event, Experiment};
pub use verbs::register;
