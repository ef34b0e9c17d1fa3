//! The monitor: one watch per feature, one report per window.

use serde::{Deserialize, Serialize};

use super::options::{Feature, MonitorOptions};
use super::report::{MonitorEvent, WindowReport};
use super::watch::Watch;
use crate::drift::DriftError;
use crate::drift::alert::Silence;
use crate::drift::error::ensure;
use crate::drift::fdr::benjamini_hochberg;

/// A monitor and its state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Monitor {
    pub(super) options: MonitorOptions,
    watches: Vec<Watch>,
    observed: u64,
}

impl Monitor {
    /// A monitor of these features against a reference: one column of values per feature, NaN where null.
    ///
    /// # Errors
    ///
    /// [`DriftError`] if `features` is empty, a column is missing or has no finite value, or an option is out of range.
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

    /// Folds one observation: a value per feature in their order, NaN where null. Every `window`-th observation ends a
    /// window and returns its report. `now_ms` is the time of the observation in milliseconds.
    ///
    /// # Errors
    ///
    /// [`DriftError::Shape`] if the number of values differs from the number of features; then no value is folded.
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

    /// Ends a window by time, full or not. An empty window has the verdict `NoData`.
    ///
    /// # Errors
    ///
    /// [`DriftError`] if a deserialized monitor is inconsistent.
    pub fn close(&mut self, now_ms: u64) -> Result<WindowReport, DriftError> {
        let comparisons = (self.watches.iter().map(|watch| watch.reference.compare(&watch.current)))
            .collect::<Result<Vec<_>, _>>()?;
        let p_values: Vec<f64> = comparisons.iter().flatten().map(|comparison| comparison.p_value).collect();
        let discoveries = benjamini_hochberg(&p_values, self.options.rate)?;
        let mut ranked = discoveries.adjusted.into_iter().zip(discoveries.believed);
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

    /// Returns the events that an ended silence or cool-down held back.
    pub fn tick(&mut self, now_ms: u64) -> Vec<MonitorEvent> {
        let pending = |watch: &mut Watch| {
            let event = watch.alert.tick(now_ms)?;
            Some(MonitorEvent { feature: watch.feature.name.clone(), event })
        };
        self.watches.iter_mut().filter_map(pending).collect()
    }

    /// Silences one feature, or all features for `None`. False for an unknown feature.
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

    /// Removes a silence of one feature, or of all features for `None`. False if no feature has it.
    pub fn lift(&mut self, feature: Option<&str>, silence: Silence) -> bool {
        let mut any = false;
        for watch in &mut self.watches {
            if feature.is_none_or(|name| name == watch.feature.name) {
                any |= watch.alert.lift(silence);
            }
        }
        any
    }

    /// The names of the features with a firing alert.
    pub fn firing(&self) -> impl Iterator<Item = &str> {
        self.watches.iter().filter(|watch| watch.alert.is_firing()).map(|watch| watch.feature.name.as_str())
    }

    /// Observations in the open window.
    #[must_use]
    pub fn observed(&self) -> u64 {
        self.observed
    }
}
