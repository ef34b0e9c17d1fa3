//! Allocation of subjects to variations, identical to GrowthBook's clients.
//!
//! A payload is parsed ([`Payload`]), compiled once ([`Features::compile`]) and then evaluated often.
//! [`Features::evaluate`] returns the value of a feature, [`Features::run`] runs an experiment outside of a feature rule,
//! [`Features::redirect`] decides about a page. A decision borrows the subject's attributes and the compiled payload and
//! allocates almost no memory.
//!
//! Clients coerce invalid values, and so does [`Features::lenient`]. A service that accepts payloads from users calls
//! [`validate`] first, which names each invalid field and its fix.
//!
//! [`layers`] keep experiments mutually exclusive and hold subjects out. [`batch`] allocates a known set of members.
//! [`ForcedCells`] assign variations to members by hand.

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
