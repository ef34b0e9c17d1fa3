//! Monitors: drift detection for a model or a feature group.
//! A monitor learns its reference from its first rows, unless the definition has one. It folds every further row,
//! judges each window and fires few alarms, each of which can raise a signal. Rows come from clients, or from members'
//! events if the monitor has a feed. The judges are in `troupe_statistics::drift`; this module decides when they
//! judge, what is kept for display, and which signal an alarm raises.
//!
//! - `learning` is the phase without a reference, `active` the phase with one; `findings` is the output of a fold.
//! - `state` is the entity, `ticking` its labels and timer, `answers` its queries.
//! - `prepared_fold` caches the fold of a decision for the event that follows.

mod active;
mod answers;
mod findings;
mod learning;
mod messages;
mod prepared_fold;
mod rows;
mod spec;
mod state;
#[cfg(test)]
mod tests;
mod ticking;
mod verbs;
mod window;

pub use messages::{
    Compare, Compared, DefineMonitor, GetMonitor, Label, Lift, MemberEvent, MonitorView, Observe, Observed,
    Predicted, Row, Silence, Tick,
};
pub use spec::{FEED, Feed, MonitorSpec};
pub use state::{Event, Monitor};
pub use verbs::register;
pub use window::{Alarm, FeatureWindow, Window};
