//! The features of a monitor and its options.

use serde::{Deserialize, Serialize};

use crate::drift::alert::AlertPolicy;
use crate::drift::batch::Expectation;
use crate::drift::stream::{AdwinOptions, DetectorSpec};

/// A feature and the expectation on its values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// Its name in reports.
    pub name: String,
    /// Its range and nulls; no expectation by default.
    #[serde(default)]
    pub expectation: Expectation,
}

/// Options of a [`Monitor`](super::Monitor).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MonitorOptions {
    /// Observations in a window.
    pub window: u32,
    /// Bins of each feature, as [`Bins::over`](crate::drift::batch::Bins::over) lays them out.
    pub bins: usize,
    /// The false discovery rate of a window, in `0..1`.
    pub rate: f64,
    /// The least PSI that counts as drift, for any p-value.
    pub least_psi: f64,
    /// The least share of drifting features for which the whole data set drifts.
    pub dataset_share: f64,
    /// The stream detector of each feature.
    pub detector: Option<DetectorSpec>,
    /// How bad windows become alerts.
    pub alert: AlertPolicy,
}

impl Default for MonitorOptions {
    fn default() -> Self {
        Self {
            window: 500,
            bins: 10,
            rate: 0.001,
            least_psi: 0.0,
            dataset_share: 0.5,
            detector: Some(DetectorSpec::Adwin(AdwinOptions::default())),
            alert: AlertPolicy::default(),
        }
    }
}
