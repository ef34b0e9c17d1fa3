//! The phase with a reference: the judges of a monitor.

use serde::{Deserialize, Serialize};
use troupe_runtime::Timestamp;
use troupe_statistics::drift::DriftError;
use troupe_statistics::drift::agreement::{Agreement, ErrorWindow};
use troupe_statistics::drift::alert::{Alert, AlertPolicy, Silence, Verdict};
use troupe_statistics::drift::level::Level;
use troupe_statistics::drift::monitor::{Monitor as Windows, WindowReport};
use troupe_statistics::drift::performance::{LabelJoin, LabelJoinOptions, Prediction, estimate};
use troupe_statistics::drift::stream::{AnyDetector, DetectorSpec};

use super::findings::Findings;
use super::messages::Row;
use super::spec::{MONITOR_ALARMS, MonitorSpec};
use super::window::Window;

/// Windows that set the normal range of the estimated accuracy.
const ESTIMATES: usize = 10;
/// Maximum number of predictions of a window in its estimate.
const PREDICTIONS_MAX: usize = 10_000;
const LABEL_HORIZON_MS: u64 = 7 * 24 * 3_600 * 1_000;
/// The default of an alert that an older build did not store.
fn usual() -> Alert {
    Alert::new(AlertPolicy::default()).expect("the default policy can rise and fall")
}

/// The memory of the judges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Active {
    windows: Windows,
    began: Timestamp,
    errors: Vec<AnyDetector>,
    #[serde(default)]
    agreement: Agreement,
    error_sum: f64,
    error_count: u64,
    labels: Option<LabelJoin>,
    predictions: Vec<Prediction>,
    estimates: Vec<f64>,
    on_errors: Alert,
    on_estimate: Alert,
    on_stale: Alert,
    /// Share of right predictions among the labelled ones.
    #[serde(default)]
    right: Level,
    #[serde(default = "usual")]
    on_accuracy: Alert,
}

impl Active {
    pub(super) fn new(spec: &MonitorSpec, columns: &[Vec<f64>], now: Timestamp) -> Result<Self, DriftError> {
        let labels = spec.labels.map(|capacity| {
            let horizon_ms = spec.label_horizon_ms.unwrap_or(LABEL_HORIZON_MS);
            LabelJoin::new(LabelJoinOptions { capacity: capacity as usize, horizon_ms })
        });
        Ok(Self {
            windows: Windows::new(spec.features.clone(), columns, spec.options)?,
            began: now,
            errors: spec.errors.iter().map(|spec| DetectorSpec::build(*spec)).collect::<Result<_, _>>()?,
            agreement: Agreement::default(),
            error_sum: 0.0,
            error_count: 0,
            labels: labels.transpose()?,
            predictions: Vec::new(),
            estimates: Vec::new(),
            on_errors: Alert::new(spec.options.alert)?,
            on_estimate: Alert::new(spec.options.alert)?,
            on_stale: Alert::new(spec.stale_policy())?,
            right: Level::default(),
            on_accuracy: Alert::new(spec.options.alert)?,
        })
    }

    /// Whether a batch can end a window or resolve the `stale` alarm.
    pub(super) fn may_speak(&self, spec: &MonitorSpec, rows: usize) -> bool {
        let full = self.windows.observed() + rows as u64 >= u64::from(spec.options.window);
        full || self.on_stale.is_raised()
    }

    /// Takes over the `stale` alert of the learning phase.
    pub(super) fn take_over(&mut self, on_stale: &Alert) {
        self.on_stale = on_stale.clone();
    }

    pub(super) fn observe(&mut self, rows: &[Row], now: Timestamp) -> Findings {
        let mut findings = Findings::default();
        findings.fresh(&mut self.on_stale, now);
        let mut values = Vec::new();
        for row in rows {
            self.follow(row, now);
            values.clear();
            values.extend(row.values.iter().map(|value| value.unwrap_or(f64::NAN)));
            // The decision checked the batch, so every row fits.
            if let Ok(Some(report)) = self.windows.observe(&values, now.0) {
                self.ended(&report, now, &mut findings);
            }
        }
        findings
    }

    /// Folds the error and the prediction of one row.
    fn follow(&mut self, row: &Row, now: Timestamp) {
        if let Some(error) = row.error {
            self.error_sum += error;
            self.error_count += 1;
            self.agreement.observe(&mut self.errors, error);
        }
        if let Some(predicted) = &row.predicted {
            let positive = predicted.positive.unwrap_or(predicted.probability >= 0.5);
            if let Some(labels) = &mut self.labels {
                labels.predicted(&predicted.key, positive, now.0);
            }
            if self.predictions.len() < PREDICTIONS_MAX {
                let probability = predicted.probability;
                self.predictions.push(Prediction { score: probability, probability, positive });
            }
        }
    }

    /// Ends the window by time, and reports alarms that silences and cool-downs suppressed until now.
    pub(super) fn tick(&mut self, spec: &MonitorSpec, last: Option<Timestamp>, now: Timestamp) -> Findings {
        let mut findings = Findings::default();
        for event in self.windows.tick(now.0) {
            findings.alarm(&event.feature, Some(event.event), now, || "suppressed until now".to_owned());
        }
        for (what, alert) in self.others().into_iter().filter(|(what, _)| *what != "stale") {
            let event = alert.tick(now.0);
            findings.alarm(what, event, now, || "suppressed until now".to_owned());
        }
        findings.stale(&mut self.on_stale, spec, last.unwrap_or(self.began), now);
        let over = spec.window_ms.is_some_and(|ms| now.0.saturating_sub(self.began.0) >= ms);
        if over
            && self.windows.observed() > 0
            && let Ok(report) = self.windows.close(now.0)
        {
            self.ended(&report, now, &mut findings);
        }
        findings
    }

    fn ended(&mut self, report: &WindowReport, now: Timestamp, findings: &mut Findings) {
        self.began = now;
        for event in &report.events {
            findings.alarm(&event.feature, Some(event.event), now, || why(report, &event.feature));
        }
        let mut window = Window::of(report);
        #[allow(clippy::cast_possible_truncation, reason = "for a picture, single precision is plenty")]
        {
            window.error = (self.error_count > 0).then(|| (self.error_sum / self.error_count as f64) as f32);
            let confusion = self.labels.as_mut().map(LabelJoin::take_confusion);
            window.accuracy = confusion.and_then(|confusion| confusion.accuracy()).map(|share| share as f32);
            window.estimated_accuracy = self.estimate(now, findings).map(|share| share as f32);
        }
        (self.error_sum, self.error_count) = (0.0, 0);
        self.judge_errors(now, findings);
        self.judge_labelled(now, findings);
        findings.windows.push(window);
    }

    fn judge_errors(&mut self, now: Timestamp, findings: &mut Findings) {
        if self.errors.is_empty() {
            return;
        }
        let ErrorWindow { verdict, signalled, moved } = self.agreement.close(self.errors.len());
        let event = self.on_errors.observe(now.0, verdict);
        findings.alarm("errors", event, now, || {
            let of = self.errors.len();
            match moved {
                Some(moved) => format!(
                    "{signalled} of {of} detectors; errors {:.3} against {:.3}, p {:.1e}",
                    moved.share, moved.reference, moved.p_value
                ),
                None => format!("{signalled} of {of} detectors"),
            }
        });
    }

    /// Judges the accuracy of the labels; only a fall is bad.
    fn judge_labelled(&mut self, now: Timestamp, findings: &mut Findings) {
        let moved = self.right.close();
        let verdict = match moved {
            None => Verdict::NoData,
            Some(moved) if moved.is_believed() && moved.share < moved.reference => Verdict::Bad,
            Some(_) => Verdict::Good,
        };
        let event = self.on_accuracy.observe(now.0, verdict);
        findings.alarm("accuracy", event, now, || {
            moved.map_or_else(String::new, |moved| {
                format!("{:.4} against {:.4}, p {:.1e}", moved.share, moved.reference, moved.p_value)
            })
        });
    }

    /// Judges the accuracy that the window's probabilities predict. The normal range is the mean of the first windows
    /// and three standard deviations around it (NannyML's rule for CBPE).
    fn estimate(&mut self, now: Timestamp, findings: &mut Findings) -> Option<f64> {
        let accuracy = estimate(&self.predictions).ok().and_then(|estimate| estimate.accuracy);
        self.predictions.clear();
        let accuracy = accuracy?;
        if self.estimates.len() < ESTIMATES {
            self.estimates.push(accuracy);
            return Some(accuracy);
        }
        let n = self.estimates.len() as f64;
        let mean = self.estimates.iter().sum::<f64>() / n;
        let variance = self.estimates.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let reach = 3.0 * variance.sqrt();
        let verdict = if (accuracy - mean).abs() > reach { Verdict::Bad } else { Verdict::Good };
        let event = self.on_estimate.observe(now.0, verdict);
        findings.alarm("estimated_accuracy", event, now, || {
            format!("{accuracy:.4} against {mean:.4} within {reach:.4}")
        });
        Some(accuracy)
    }

    /// Number of joined labels that are not judged yet.
    pub(super) fn labelled(&self) -> u64 {
        self.right.open()
    }

    /// Judges the labels so far, without waiting for a row to end the window.
    pub(super) fn close_labels(&mut self, features: usize, now: Timestamp) -> Findings {
        let mut findings = Findings::default();
        let confusion = self.labels.as_mut().map(LabelJoin::take_confusion);
        let accuracy = confusion.and_then(|confusion| confusion.accuracy());
        self.judge_labelled(now, &mut findings);
        findings.windows.push(Window::of_labels(features, accuracy, now));
        findings
    }

    pub(super) fn label(&mut self, key: &str, positive: bool, now: Timestamp) {
        if let Some(joined) = self.labels.as_mut().and_then(|labels| labels.labelled(key, positive, now.0)) {
            self.right.fold(f64::from(u8::from(joined.positive == joined.truth)));
        }
    }

    pub(super) fn silence(&mut self, feature: Option<&str>, silence: Silence) {
        self.windows.silence(feature, silence);
        for (name, alert) in self.others() {
            if feature.is_none_or(|feature| feature == name) {
                alert.silence(silence);
            }
        }
    }

    pub(super) fn lift(&mut self, feature: Option<&str>, silence: Silence) {
        self.windows.lift(feature, silence);
        for (name, alert) in self.others() {
            if feature.is_none_or(|feature| feature == name) {
                alert.lift(silence);
            }
        }
    }

    /// The alerts of the monitor itself, in the order of [`MONITOR_ALARMS`].
    fn others(&mut self) -> [(&'static str, &mut Alert); 4] {
        let alerts = [&mut self.on_errors, &mut self.on_estimate, &mut self.on_stale, &mut self.on_accuracy];
        let mut names = MONITOR_ALARMS.into_iter();
        alerts.map(|alert| (names.next().unwrap_or_default(), alert))
    }

    pub(super) fn firing(&self) -> Vec<String> {
        let alerts = [&self.on_errors, &self.on_estimate, &self.on_stale, &self.on_accuracy];
        let others = MONITOR_ALARMS.into_iter().zip(alerts).filter(|(_, alert)| alert.is_firing());
        self.windows.firing().chain(others.map(|(name, _)| name)).map(str::to_owned).collect()
    }

    pub(super) fn waiting(&self) -> usize {
        self.labels.as_ref().map_or(0, LabelJoin::waiting)
    }

    pub(super) fn joins_labels(&self) -> bool {
        self.labels.is_some()
    }

    pub(super) fn waits_for(&self, key: &str) -> bool {
        self.labels.as_ref().is_some_and(|labels| labels.waits_for(key))
    }
}

fn why(report: &WindowReport, name: &str) -> String {
    let Some(feature) = report.features.iter().find(|feature| feature.name == name) else {
        return String::new();
    };
    let mut words = match feature.comparison {
        Some(c) => format!("PSI {:.4} against {:.4}, p {:.2e}", c.psi, c.psi_threshold, c.p_value),
        None => "no data".to_owned(),
    };
    for unmet in &feature.unmet {
        words.push_str(&format!("; {unmet:?}"));
    }
    words
}
