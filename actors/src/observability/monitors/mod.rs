//! Monitors: whether the world that a model or a feature group lives in has moved.
//!
//! A monitor learns its reference from the first rows that it is told (or is defined with one), folds every further row,
//! judges each window and tells few alarms, each of which can raise a signal. Rows come from clients, or from members'
//! events where the monitor has a feed. What it judges by is `troupe_statistics::drift`; what is here is when, what is kept
//! for people to see, and whom to tell.

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
