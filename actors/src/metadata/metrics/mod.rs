//! Curves: every figure that was logged of a run, by name, in a few buckets beside it.
//!
//! A curve keeps its newest points; how many older ones it lost it says.

mod messages;
mod state;
mod verbs;

pub use messages::{CurveView, Draw, ForgetCurves, GetCurve};
pub use state::{Curves, Event, POINTS_MAX, bucket_of, buckets};
pub use verbs::register;
