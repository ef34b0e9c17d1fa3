//! Curves: every metric logged for a run, by name, in a few buckets in the run's shard.
//!
//! A curve keeps its newest points and counts the older points that it dropped.

mod messages;
mod state;
mod verbs;

pub use messages::{CurveView, Draw, ForgetCurves, GetCurve};
pub use state::{Curves, Event, POINTS_MAX, bucket_of, buckets};
pub use verbs::register;
