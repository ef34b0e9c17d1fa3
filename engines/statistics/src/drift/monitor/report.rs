//! What a window showed.

use serde::{Deserialize, Serialize};

use crate::drift::alert::{AlertEvent, Verdict};
use crate::drift::batch::{Comparison, Unmet};

/// What a window showed of one feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureReport {
    /// The feature.
    pub name: String,
    /// How the window differs from the reference; `None` for an empty one.
    pub comparison: Option<Comparison>,
    /// The p-value after the correction for the number of features.
    pub adjusted_p_value: Option<f64>,
    /// Whether the difference is believed and matters.
    pub drifts: bool,
    /// Expectations that were not met.
    pub unmet: Vec<Unmet>,
    /// Drifts that the stream's detector signalled.
    pub stream_drifts: u32,
    /// What the alert was told.
    pub verdict: Verdict,
}

/// A message about one feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonitorEvent {
    /// The feature.
    pub feature: String,
    /// What is to be said.
    #[serde(flatten)]
    pub event: AlertEvent,
}

/// What a window showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowReport {
    /// When it ended, in milliseconds.
    pub end_ms: u64,
    /// Observations in it.
    pub observations: u64,
    /// Its features, in the order of the monitor.
    pub features: Vec<FeatureReport>,
    /// Share of features that drift.
    pub drifting_share: f64,
    /// Whether that share is large enough to speak of the whole data set.
    pub dataset_drifts: bool,
    /// What is to be said.
    pub events: Vec<MonitorEvent>,
}
