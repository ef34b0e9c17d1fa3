//! Experiments: which variation a member is in, decided by a hash alone, so that every node and every SDK agrees.

mod allocation;
mod messages;
mod state;
#[cfg(test)]
mod tests;

pub use allocation::{bucket_ranges, choose, hash};
pub use messages::{Define, ExperimentSpec, ExperimentView, GetExperiment, Start, State, Stop, Variation};
pub use state::{Event, Experiment};
