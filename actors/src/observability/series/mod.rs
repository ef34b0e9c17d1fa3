//! Series: numbers over time, kept for canary analyses and for whoever asks. One entity for each, keyed `METRIC:SCOPE`,
//! with the newest points only.

mod state;
mod verbs;

pub use state::{Append, Event, POINTS_MAX, Range, Series};
pub use verbs::register;
