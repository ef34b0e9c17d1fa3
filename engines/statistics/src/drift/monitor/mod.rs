//! One monitor over the features of a model: every observation is folded, every window judged, and few messages made.
//!
//! A window passes four stages before anybody is woken:
//!
//! 1. Each feature's histogram is compared with the reference: a p-value, and PSI with its calibrated threshold.
//! 2. Over all features, [`benjamini_hochberg`] bounds the rate of false discoveries; a discovery also needs a PSI
//!    above the threshold and above the least size that matters.
//! 3. A feature is bad in a window if it is a discovery or does not meet its [`Expectation`].
//! 4. Each feature's [`Alert`] wants several bad windows before it fires.
//!
//! Detectors on streams run beside. With the defaults of its authors, ADWIN alarms about once in forty thousand
//! values without any drift: with 25 features, once in less than two thousand observations. So what detectors signal
//! is reported with each window, as a hint at when it began, and wakes nobody.
//!
//! The stages assume that a reference says much more than a window: take ten windows' worth of rows or more. With
//! less, the chance deviations of the reference itself recur in every window, and hysteresis no longer filters them.
//!
//! Memory does not depend on what was observed, except for the logarithmic window of ADWIN.

mod report;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use report::{FeatureReport, MonitorEvent, WindowReport};

use super::alert::{Alert, AlertPolicy, Silence, Verdict};
use super::batch::{Bins, Comparison, Completeness, Expectation, Histogram};
use super::error::{DriftError, ensure};
use super::fdr::benjamini_hochberg;
use super::stream::{AdwinOptions, AnyDetector, Detector, DetectorSpec, Signal};

/// A feature, and what is expected of its values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// Its name in reports.
    pub name: String,
    /// Its range and nulls; nothing is expected by default.
    #[serde(default)]
    pub expectation: Expectation,
}

/// How a [`Monitor`] judges.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MonitorOptions {
    /// Observations in a window.
    pub window: u32,
    /// Bins of each feature, as [`Bins::over`] lays them out.
    pub bins: usize,
    /// The rate of false discoveries in a window, in `0..1`.
    pub rate: f64,
    /// The PSI below which a difference, however certain, does not matter.
    pub least_psi: f64,
    /// The share of drifting features from which on the whole data set drifts.
    pub dataset_share: f64,
    /// The detector that each feature's stream gets.
    pub detector: Option<DetectorSpec>,
    /// How bad windows become messages.
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

/// All that is kept of one feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Watch {
    feature: Feature,
    reference: Histogram,
    current: Histogram,
    completeness: Completeness,
    detector: Option<AnyDetector>,
    /// Drifts that the detector signalled in this window.
    stream_drifts: u32,
    alert: Alert,
}

/// A monitor and its memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Monitor {
    options: MonitorOptions,
    watches: Vec<Watch>,
    observed: u64,
}

impl Monitor {
    /// A monitor of these features against a reference: one column of values per feature, NaN where null.
    ///
    /// # Errors
    ///
    /// [`DriftError`] if there is no feature, a column is missing or holds nothing finite, or an option is absurd.
    pub fn new<C: AsRef<[f64]>>(
        features: Vec<Feature>,
        reference: &[C],
        options: MonitorOptions,
    ) -> Result<Self, DriftError> {
        let MonitorOptions { window, rate, least_psi, dataset_share, .. } = options;
        ensure(window > 0, "window", f64::from(window), "give at least 1 observation")?;
        ensure(rate > 0.0 && rate < 1.0, "rate", rate, "give a share between 0 and 1")?;
        ensure(least_psi >= 0.0, "least_psi", least_psi, "give an index of at least 0")?;
        ensure(
            (0.0..=1.0).contains(&dataset_share),
            "dataset_share",
            dataset_share,
            "give a share of 0 to 1",
        )?;
        if features.is_empty() {
            return Err(DriftError::TooFew { field: "features", least: 1 });
        }
        if features.len() != reference.len() {
            return Err(DriftError::Shape { field: "reference", got: reference.len(), want: features.len() });
        }
        let watches = (features.into_iter().zip(reference))
            .map(|(feature, column)| Watch::new(feature, column.as_ref(), &options))
            .collect::<Result<_, _>>()?;
        Ok(Self { options, watches, observed: 0 })
    }

    /// Folds one observation, which has a value per feature in their order and NaN where null. Every `window`-th one
    /// ends a window and brings its report. `now_ms` is the time of the observation in milliseconds.
    ///
    /// # Errors
    ///
    /// [`DriftError::Shape`] if the values are not one per feature; nothing is folded then.
    pub fn observe(&mut self, values: &[f64], now_ms: u64) -> Result<Option<WindowReport>, DriftError> {
        if values.len() != self.watches.len() {
            return Err(DriftError::Shape { field: "values", got: values.len(), want: self.watches.len() });
        }
        for (watch, &x) in self.watches.iter_mut().zip(values) {
            watch.fold(x);
        }
        self.observed += 1;
        if self.observed < u64::from(self.options.window) { Ok(None) } else { self.close(now_ms).map(Some) }
    }

    /// Ends the window now, however full it is: for windows by time. An empty window is no data.
    ///
    /// # Errors
    ///
    /// [`DriftError`] if a monitor that was read back does not fit together.
    pub fn close(&mut self, now_ms: u64) -> Result<WindowReport, DriftError> {
        let comparisons = (self.watches.iter().map(|watch| watch.reference.compare(&watch.current)))
            .collect::<Result<Vec<_>, _>>()?;
        let p_values: Vec<f64> = comparisons.iter().flatten().map(|comparison| comparison.p_value).collect();
        let found = benjamini_hochberg(&p_values, self.options.rate)?;
        let mut ranked = found.adjusted.into_iter().zip(found.believed);
        let (mut features, mut events) = (Vec::with_capacity(self.watches.len()), Vec::new());
        for (watch, comparison) in self.watches.iter_mut().zip(comparisons) {
            let ranked = comparison.and_then(|_| ranked.next());
            let report = watch.judge(comparison, ranked, self.options.least_psi);
            if let Some(event) = watch.alert.observe(now_ms, report.verdict) {
                events.push(MonitorEvent { feature: watch.feature.name.clone(), event });
            }
            watch.clear();
            features.push(report);
        }
        let drifting = features.iter().filter(|feature| feature.drifts).count();
        let drifting_share = drifting as f64 / features.len() as f64;
        let dataset_drifts = drifting > 0 && drifting_share >= self.options.dataset_share;
        let observations = std::mem::take(&mut self.observed);
        Ok(WindowReport { end_ms: now_ms, observations, features, drifting_share, dataset_drifts, events })
    }

    /// Says what a silence or a cool-down that is over has kept.
    pub fn tick(&mut self, now_ms: u64) -> Vec<MonitorEvent> {
        let told = |watch: &mut Watch| {
            let event = watch.alert.tick(now_ms)?;
            Some(MonitorEvent { feature: watch.feature.name.clone(), event })
        };
        self.watches.iter_mut().filter_map(told).collect()
    }

    /// Silences one feature, or all of them for `None`. False if there is no such feature.
    pub fn silence(&mut self, feature: Option<&str>, silence: Silence) -> bool {
        let mut any = false;
        for watch in &mut self.watches {
            if feature.is_none_or(|name| name == watch.feature.name) {
                watch.alert.silence(silence);
                any = true;
            }
        }
        any
    }

    /// Takes a silence back, of one feature or of all for `None`. False if it is nowhere.
    pub fn lift(&mut self, feature: Option<&str>, silence: Silence) -> bool {
        let mut any = false;
        for watch in &mut self.watches {
            if feature.is_none_or(|name| name == watch.feature.name) {
                any |= watch.alert.lift(silence);
            }
        }
        any
    }

    /// The names of features whose alert was fired and not yet resolved.
    pub fn firing(&self) -> impl Iterator<Item = &str> {
        self.watches.iter().filter(|watch| watch.alert.is_firing()).map(|watch| watch.feature.name.as_str())
    }

    /// Observations in the window that has not ended.
    #[must_use]
    pub fn observed(&self) -> u64 {
        self.observed
    }
}

impl Watch {
    fn new(feature: Feature, column: &[f64], options: &MonitorOptions) -> Result<Self, DriftError> {
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

    fn fold(&mut self, x: f64) {
        self.current.fold(x);
        self.completeness.fold(x);
        if let Some(detector) = &mut self.detector
            && detector.observe(x) == Signal::Drift
        {
            self.stream_drifts = self.stream_drifts.saturating_add(1);
        }
    }

    fn judge(
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

    fn clear(&mut self) {
        self.current.clear();
        self.completeness.clear();
        self.stream_drifts = 0;
    }
}
