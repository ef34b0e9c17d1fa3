//! Windows and alarms, kept for display.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::Timestamp;
use troupe_statistics::drift::monitor::WindowReport;

/// The result of one feature in a window.
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct FeatureWindow {
    /// The population stability index; `None` for a window without values.
    pub psi: Option<f32>,
    /// The index's 99th percentile without drift.
    pub threshold: f32,
    /// The Jensen-Shannon distance, 0 to 1.
    pub jensen_shannon: f32,
    /// The p-value of the difference, corrected for the number of features.
    pub p: Option<f32>,
    /// Whether the difference is significant and large enough to matter.
    pub drifts: bool,
    /// Whether too many values were null or out of range.
    pub unmet: bool,
    /// Number of drifts that the detector on the stream signalled.
    pub stream_drifts: u32,
}

/// The result of a window.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Window {
    /// Time of its end.
    pub end: Timestamp,
    /// Number of rows; 0 for a window of labels alone.
    pub observations: u64,
    /// In the order of the monitor's features.
    pub features: Vec<FeatureWindow>,
    /// The share of features that drift.
    pub drifting_share: f32,
    /// The mean error.
    pub error: Option<f32>,
    /// The share of right predictions among those labelled in this window.
    pub accuracy: Option<f32>,
    /// The share of right predictions that the probabilities predict.
    pub estimated_accuracy: Option<f32>,
}

impl Window {
    #[allow(clippy::cast_possible_truncation, reason = "for a picture, single precision is plenty")]
    pub(super) fn of(report: &WindowReport) -> Self {
        let features = report.features.iter().map(|feature| FeatureWindow {
            psi: feature.comparison.map(|comparison| comparison.psi as f32),
            threshold: feature.comparison.map_or(0.0, |comparison| comparison.psi_threshold as f32),
            jensen_shannon: feature.comparison.map_or(0.0, |comparison| comparison.jensen_shannon as f32),
            p: feature.adjusted_p_value.map(|p| p as f32),
            drifts: feature.drifts,
            unmet: !feature.unmet.is_empty(),
            stream_drifts: feature.stream_drifts,
        });
        Self {
            end: Timestamp(report.end_ms),
            observations: report.observations,
            features: features.collect(),
            drifting_share: report.drifting_share as f32,
            error: None,
            accuracy: None,
            estimated_accuracy: None,
        }
    }

    /// A window of labels without rows.
    #[allow(clippy::cast_possible_truncation, reason = "for a picture, single precision is plenty")]
    pub(super) fn of_labels(features: usize, accuracy: Option<f64>, now: Timestamp) -> Self {
        let nothing = FeatureWindow {
            psi: None,
            threshold: 0.0,
            jensen_shannon: 0.0,
            p: None,
            drifts: false,
            unmet: false,
            stream_drifts: 0,
        };
        Self {
            end: now,
            observations: 0,
            features: vec![nothing; features],
            drifting_share: 0.0,
            error: None,
            accuracy: accuracy.map(|share| share as f32),
            estimated_accuracy: None,
        }
    }
}

/// An alarm that fired or was resolved.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Alarm {
    /// Time of the alarm.
    pub at: Timestamp,
    /// A feature's name, or `errors`, `accuracy`, `estimated_accuracy` or `stale`.
    pub what: String,
    /// True if it fired, false if it was resolved.
    pub fired: bool,
    /// Begin of the condition, which may be earlier because of a silence or a cool-down.
    pub since: Timestamp,
    /// The measured value and its threshold.
    pub why: String,
}
