//! Allocation of subjects to variations, bit for bit as GrowthBook's clients decide it.
//!
//! - [`hash()`] places a subject; [`bucket_ranges`] and [`choose`] turn the place into a variation.
//! - [`condition`] says whether attributes fit a condition.
//! - [`Features`] is a payload, read once; [`Evaluation`] answers what a feature is for a subject, or in which
//!   variation of an experiment it is.
//! - [`validate`] is strict where clients are lenient: a server refuses what they would silently mend or leave off.
//! - [`batch`] allocates a fixed set of members, stratum by stratum; [`conflicts`] finds experiments of one layer that
//!   overlap.
//!
//! Source: the SDK specification 0.8.0 and the Python SDK 4.0 of GrowthBook.

pub mod batch;
mod bucket;
mod compare;
pub mod condition;
mod evaluate;
mod experiment;
mod hash;
mod payload;
mod redirect;
mod sticky;
mod strict;
mod version;

pub use bucket::{bucket_ranges, choose, equal_weights, in_namespace, query_override};
pub use evaluate::{Evaluation, FeatureResult, Source};
pub use experiment::{ExperimentResult, Leaf};
pub use hash::hash;
pub use payload::{Experiment, Feature, Features, Filter, Meta, ParentCondition, Rule, UrlPattern};
pub use redirect::merge_query;
pub use sticky::{Assignments, StickyDocument};
pub use strict::{Conflict, Refused, conflicts, validate};
