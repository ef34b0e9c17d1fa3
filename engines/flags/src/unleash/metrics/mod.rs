//! The reports of clients: registrations, and how often each feature was on.
//!
//! - [`MetricsPost`] and [`Registration`] are the bodies of `/api/client/metrics` and `/api/client/register`.
//! - [`Usage::counted`] and [`Usage::joined`] validate a body and reduce it to a small form for the event log.
//!   [`Usage::count`] and [`Usage::join`] fold that form. Folding never fails and stays within [`UsageLimits`].

mod usage;
mod wire;

pub use usage::{Application, Counted, FeatureUsage, Hour, Joined, Usage, UsageLimits};
pub use wire::{Bucket, Counts, MetricsPost, Registration};
