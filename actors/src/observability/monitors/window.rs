//! What is kept of the past for people to see.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::Timestamp;
use troupe_statistics::drift::monitor::WindowReport;

/// What a window showed of one feature.
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct FeatureWindow {
    /// The population stability index; none where the window held nothing.
    pub psi: Option<f32>,
    /// What the index would exceed once in a hundred windows if nothing had changed.
    pub threshold: f32,
    /// The Jensen-Shannon distance, 0 to 1.
    pub jensen_shannon: f32,
    /// The p-value of the difference, corrected for the number of features.
    pub p: Option<f32>,
    /// Whether the difference is believed and matters.
    pub drifts: bool,
    /// Whether too many values were null or out of range.
    pub unmet: bool,
    /// Drifts that the stream's detector signalled.
    pub stream_drifts: u32,
}

/// What a window showed.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Window {
    /// When it ended.
    pub end: Timestamp,
    /// Rows in it; 0 for one of labels alone.
    pub observations: u64,
    /// In the order of the monitor's features.
    pub features: Vec<FeatureWindow>,
    /// The share of features that drift.
    pub drifting_share: f32,
    /// The mean of its errors.
    pub error: Option<f32>,
    /// The share of right predictions among those whose labels came in it.
    pub accuracy: Option<f32>,
    /// The share of right predictions that their probabilities promise.
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

    /// A window of labels that came without rows.
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

/// Something that people are told.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Alarm {
    /// When it was told.
    pub at: Timestamp,
    /// A feature's name, or `errors`, `accuracy`, `estimated_accuracy`, `stale`.
    pub what: String,
    /// Whether it is bad now, or good again.
    pub fired: bool,
    /// Since when it has been so: a silence or a cool-down may have kept it back.
    pub since: Timestamp,
    /// The figure that decided, against its threshold.
    pub why: String,
}
