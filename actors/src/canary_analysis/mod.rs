//! Canaries: whether a candidate is as good as the baseline, look by look.
//!
//! A canary knows its config, its lifetime and what every look showed. It fetches nothing: it is listed with the time of
//! its next look, a node brings the points, and a look counts once whoever brings it. If nobody can, it ends without a
//! verdict rather than with a guess, and never stays running.

mod config;
mod messages;
mod notify;
mod second;
mod state;
#[cfg(test)]
mod tests;
mod verbs;

pub use config::{DeleteConfig, GetConfig, PutConfig, StoredConfig};
pub use messages::{
    CanaryEnded, CanaryView, Cancel, GetCanary, GiveUp, JudgeLook, Judged, LookView, MetricView, Notify,
    Overdue, Pair, StartCanary, StartFor, Verdict,
};
pub use state::{Canary, Event, GRACE_MS, check_pairs};
pub use verbs::register;
