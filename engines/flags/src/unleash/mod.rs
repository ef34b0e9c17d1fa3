//! Activation of features for a context, identical to Unleash's clients.
//!
//! - [`Features`] is the answer of `/api/client/features`, [`Delta`] the data of its stream, and [`Context`] the subject of
//!   an evaluation.
//! - [`Toggles`] is the compiled form: it evaluates whether a feature is on and its variant. It follows
//!   client-specification 6.1.0 and the engine of UnleashClient 6.9 (yggdrasil 0.20.8).
//! - [`from_experiment`] converts an experiment into a feature, so that such a client allocates the same arms.
//! - [`metrics`] folds the reports of clients.
//!
//! Without stickiness a real client draws a random number. Here the number ([`Context::draw`]) and the time come from the
//! caller. A real client silently turns a feature off for an invalid number or a missing segment. Here the compilation
//! answers [`Refused`] with the path, so that the author of the payload can fix it.

mod compile;
mod constraint;
mod context;
mod date;
mod delta;
mod error;
mod experiment;
mod hash;
mod limits;
pub mod metrics;
mod network;
mod payload;
mod strategy;
mod toggles;
mod variant;

pub use context::Context;
pub use delta::{Delta, DeltaEvent};
pub use error::Refused;
pub use experiment::{Arm, Experiment, Operator, Target, from_experiment};
pub use hash::{VARIANT_SEED, normalized_hash};
pub use limits::*;
pub use payload::{
    Constraint, Dependency, Feature, Features, Override, Payload, Segment, Strategy, VariantDefinition,
};
pub use toggles::{Toggles, Variant};
