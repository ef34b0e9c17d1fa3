//! Allocation of subjects to variants, bit for bit as GrowthBook's clients decide it.
//!
//! A payload is read ([`Payload`]), compiled once ([`Features::compile`]) and then asked often: [`Features::evaluate`] for
//! the value of a feature, [`Features::run`] for an experiment that is no rule, [`Features::redirect`] for a page. A
//! decision borrows the subject's attributes and the compiled payload and allocates next to nothing.
//!
//! Clients bend what does not fit, so evaluation does too ([`Features::lenient`]); a service that takes payloads from
//! people asks [`validate`] first, which names each field and its fix.
//!
//! Around the decisions: [`layers`] keep experiments apart and hold subjects out, [`batch`] deals a known set of members
//! out, [`ramp`] lets coverage grow and switches an experiment off, [`ForcedCells`] give members their variations by hand.

mod bandit;
pub mod batch;
mod check;
mod condition;
mod context;
mod error;
mod evaluate;
mod experiment;
mod features;
mod hash;
pub mod layers;
mod number;
mod outcome;
mod prerequisites;
pub mod ramp;
mod ranges;
mod redirect;
mod run;
mod secret;
mod sticky;
mod url;
pub mod wire;

pub use bandit::{BanditShare, FALLBACK_LEAF};
pub use condition::{Condition, Dialect};
pub use context::{Context, FORCED_CELLS_MAX, ForcedCells, Observer};
pub use error::Refused;
pub use experiment::Experiment;
pub use features::{FeatureAt, Features, validate};
pub use hash::{hash, hashable};
pub use number::js_string;
pub use outcome::{Assigned, FeatureResult, Source};
pub use ranges::{
    Range, bucket_ranges, choose_variation, effective_weights, equal_weights, fitting_weights, in_namespace,
    in_range,
};
pub use redirect::Redirect;
pub use secret::decrypt;
pub use sticky::{ASSIGNMENTS_MAX, StickyChange, StickyDoc, StickyDocs};
pub use url::query_string_override;
pub use wire::Payload;
