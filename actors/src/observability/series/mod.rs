//! Series: numbers over time, for canary analyses and clients. Each series is one entity, keyed `METRIC:SCOPE`, and
//! keeps its newest points only.

mod state;
mod verbs;

pub use state::{Append, Event, POINTS_MAX, Range, Series};
pub use verbs::register;
