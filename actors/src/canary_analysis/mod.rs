//! Canary analyses: whether a candidate is as good as the baseline, judged look by look.
//! A canary stores its config, its lifetime and the result of every look. It fetches no points: the directory lists it
//! with the time of its next look, and any node brings the points. Each look counts once. If the points stay missing
//! for [`GRACE_MS`], the analysis ends with `no_data`.

mod config;
mod judging;
mod messages;
mod notify;
mod second;
mod state;
#[cfg(test)]
mod tests;
mod verbs;

pub use config::{DeleteConfig, GetConfig, PutConfig, StoredConfig};
pub use judging::check_pairs;
pub use messages::{
    CanaryEnded, CanaryView, Cancel, GetCanary, GiveUp, JudgeLook, Judged, LookView, MetricView, Notify,
    Overdue, Pair, StartCanary, StartFor, Verdict,
};
pub use state::{Canary, Event, GRACE_MS};
pub use verbs::register;
