//! What clients report back: who they are, and how often features were on for them.
//!
//! - [`MetricsPost`] and [`Registration`] are the bodies of `/api/client/metrics` and `/api/client/register`.
//! - [`Usage::counted`] and [`Usage::joined`] decide whether a body is taken and bring it to a small form that can be
//!   logged; [`Usage::count`] and [`Usage::join`] fold that form. Folding never fails and never grows past
//!   [`UsageLimits`].

mod usage;
mod wire;

pub use usage::{Application, Counted, FeatureUsage, Hour, Joined, Usage, UsageLimits};
pub use wire::{Bucket, Counts, MetricsPost, Registration};
