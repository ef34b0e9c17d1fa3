//! The state of one feature.

use serde::{Deserialize, Serialize};

use super::options::{Feature, MonitorOptions};
use super::report::FeatureReport;
use crate::drift::DriftError;
use crate::drift::alert::{Alert, Verdict};
use crate::drift::batch::{Bins, Comparison, Completeness, Histogram};
use crate::drift::stream::{AnyDetector, Detector, DetectorSpec, Signal};

/// The state of one feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Watch {
    pub(super) feature: Feature,
    pub(super) reference: Histogram,
    pub(super) current: Histogram,
    pub(super) completeness: Completeness,
    pub(super) detector: Option<AnyDetector>,
    /// Drifts that the stream detector signalled in this window.
    pub(super) stream_drifts: u32,
    pub(super) alert: Alert,
}

impl Watch {
    pub(super) fn new(
        feature: Feature,
        column: &[f64],
        options: &MonitorOptions,
    ) -> Result<Self, DriftError> {
        let values: Vec<f64> = column.iter().copied().filter(|x| !x.is_nan()).collect();
        let bins = Bins::over(&values, options.bins)?;
        Ok(Self {
            reference: Histogram::of(bins.clone(), column),
            current: Histogram::new(bins),
            completeness: Completeness::new(feature.expectation)?,
            detector: options.detector.map(DetectorSpec::build).transpose()?,
            stream_drifts: 0,
            alert: Alert::new(options.alert)?,
            feature,
        })
    }

    pub(super) fn fold(&mut self, x: f64) {
        self.current.fold(x);
        self.completeness.fold(x);
        if let Some(detector) = &mut self.detector
            && detector.observe(x) == Signal::Drift
        {
            self.stream_drifts = self.stream_drifts.saturating_add(1);
        }
    }

    pub(super) fn judge(
        &self,
        comparison: Option<Comparison>,
        ranked: Option<(f64, bool)>,
        least_psi: f64,
    ) -> FeatureReport {
        let unmet = self.completeness.unmet();
        let sizable = comparison.is_some_and(|c| c.psi > c.psi_threshold && c.psi >= least_psi);
        let drifts = sizable && ranked.is_some_and(|(_, believed)| believed);
        let verdict = match comparison {
            None => Verdict::NoData,
            Some(_) if drifts || !unmet.is_empty() => Verdict::Bad,
            Some(_) => Verdict::Good,
        };
        FeatureReport {
            name: self.feature.name.clone(),
            comparison,
            adjusted_p_value: ranked.map(|(p, _)| p),
            drifts,
            unmet,
            stream_drifts: self.stream_drifts,
            verdict,
        }
    }

    pub(super) fn clear(&mut self) {
        self.current.clear();
        self.completeness.clear();
        self.stream_drifts = 0;
    }
}
