//! The report of a window.

use serde::{Deserialize, Serialize};

use crate::drift::alert::{AlertEvent, Verdict};
use crate::drift::batch::{Comparison, Unmet};

/// The report of a window on one feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureReport {
    /// The feature.
    pub name: String,
    /// How the window differs from the reference; `None` for an empty one.
    pub comparison: Option<Comparison>,
    /// The p-value after the correction for the number of features.
    pub adjusted_p_value: Option<f64>,
    /// Whether the difference is a discovery of sufficient size.
    pub drifts: bool,
    /// Expectations that were not met.
    pub unmet: Vec<Unmet>,
    /// Drifts that the stream's detector signalled.
    pub stream_drifts: u32,
    /// The verdict for the alert.
    pub verdict: Verdict,
}

/// An alert event of one feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonitorEvent {
    /// The feature.
    pub feature: String,
    /// The alert event.
    #[serde(flatten)]
    pub event: AlertEvent,
}

/// The report of a window.
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
    /// Whether that share is at least `dataset_share`.
    pub dataset_drifts: bool,
    /// The alert event.
    pub events: Vec<MonitorEvent>,
}
