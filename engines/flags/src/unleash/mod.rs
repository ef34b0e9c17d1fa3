//! Activation of features for a context, as Unleash's clients decide it.
//!
//! - [`Features`] is what `/api/client/features` answers, [`Delta`] what its stream sends, and [`Context`] whom a
//!   feature is asked for.
//! - [`Toggles`] is the compiled form: it says whether a feature is on and which variant of it is shown. Its numbers
//!   are those of client-specification 6.1.0 and of the engine inside UnleashClient 6.9 (yggdrasil 0.20.8).
//! - [`from_experiment`] writes an own experiment as a feature, so that such a client allocates as we do.
//! - [`metrics`] folds what clients report back.
//!
//! A real client draws where nothing sticks; here the number comes from the caller ([`Context::draw`]), and so does
//! the time. What a real client would silently hold off for ever (a number that is none, a segment that is missing)
//! is [`Refused`] when it is compiled, with its path, because whoever wrote it is still there to mend it.

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
