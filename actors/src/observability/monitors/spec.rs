//! The definition of a monitor.

use serde::{Deserialize, Serialize};
use troupe_runtime::Refused;
use troupe_statistics::drift::DriftError;
use troupe_statistics::drift::alert::{Alert, AlertPolicy};
use troupe_statistics::drift::batch::Completeness;
use troupe_statistics::drift::monitor::{Feature, MonitorOptions};
use troupe_statistics::drift::stream::DetectorSpec;

/// Maximum number of features of one monitor.
const FEATURES_MAX: usize = 100;
/// Maximum number of values of a learned reference.
const SAMPLE_MAX: usize = 200_000;
/// Longest name of a feature or signal, and longest subject, in bytes.
const NAME_BYTES_MAX: usize = 128;
/// Maximum number of detectors on the stream of errors.
const ERRORS_MAX: usize = 8;
/// Maximum number of predictions that wait for their labels.
const LABELS_MAX: u32 = 20_000;
/// Maximum number of observations of a window.
const WINDOW_MAX: u32 = 100_000;

/// The alarms of the monitor itself, which no feature may be named after.
pub(super) const MONITOR_ALARMS: [&str; 4] = ["errors", "estimated_accuracy", "stale", "accuracy"];

/// The names of the features that a feed can fill.
pub const FEED: [&str; 5] = ["value", "hour", "gap_s", "history", "repeat"];

/// The events of members that become rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feed {
    /// The type of event: `rating`, `play`.
    pub event: String,
    /// The share of these events that become rows, selected by a hash of the event. Default: 1.
    #[serde(default = "whole")]
    pub share: f32,
}

const fn whole() -> f32 {
    1.0
}

/// The definition of a monitor.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MonitorSpec {
    /// The subject, for display: `models/movies`.
    pub subject: String,
    /// The columns of its rows, 1 to 100. Predictions of a model are a column like any other. With a feed, only names
    /// in [`FEED`].
    pub features: Vec<Feature>,
    /// Options of the judges and the alarms.
    pub options: MonitorOptions,
    /// Number of rows for a learned reference. Default: ten windows, bounded by 200,000 values.
    pub reference_rows: Option<u32>,
    /// Detectors on the stream of errors.
    pub errors: Vec<DetectorSpec>,
    /// Number of predictions that may wait for labels; without it, labels are refused.
    pub labels: Option<u32>,
    /// How long a prediction waits for its label, in milliseconds. Default: 7 days.
    pub label_horizon_ms: Option<u64>,
    /// Milliseconds without a row after which the data is stale; without it, staleness is not judged.
    pub stale_after_ms: Option<u64>,
    /// Milliseconds after which a window ends even if it is not full.
    pub window_ms: Option<u64>,
    /// The events of members that become rows.
    pub feed: Option<Feed>,
    /// The signal that a firing alarm raises.
    pub signal: Option<String>,
}

impl MonitorSpec {
    /// Number of rows for a learned reference.
    #[must_use]
    pub fn learned_rows(&self) -> u32 {
        self.reference_rows.unwrap_or_else(|| {
            let bound = SAMPLE_MAX / self.features.len().max(1);
            self.options.window.saturating_mul(10).min(u32::try_from(bound).unwrap_or(u32::MAX))
        })
    }

    /// Interval of its timer, in milliseconds; `None` if nothing of it depends on time.
    #[must_use]
    pub fn wakes_every_ms(&self) -> Option<u64> {
        let stale = self.stale_after_ms.map(|ms| ms / 2);
        stale.into_iter().chain(self.window_ms).min().map(|ms| ms.clamp(100, 60_000))
    }

    /// The policy of the `stale` alarm. It fires at the first bad look, because silence is not subject to chance.
    pub(super) const fn stale_policy(&self) -> AlertPolicy {
        AlertPolicy { enter: 1, of: 1, leave: 1, cooldown_ms: self.options.alert.cooldown_ms }
    }

    /// Checks the definition.
    ///
    /// # Errors
    /// The first problem, with its field. Options that only the judges know are checked together with a reference.
    pub fn check(&self) -> Result<(), Refused> {
        let bad = |field: &str, why: String| Err(Refused::field("BAD_SPEC", format!("spec.{field}"), why));
        if self.features.is_empty() || self.features.len() > FEATURES_MAX {
            return bad("features", format!("features must be 1 to {FEATURES_MAX}"));
        }
        self.check_features()?;
        if !(2..=WINDOW_MAX).contains(&self.options.window) {
            return bad("options.window", format!("a window must be 2 to {WINDOW_MAX} observations"));
        }
        let rows = self.learned_rows();
        if rows < 2 || rows as usize * self.features.len() > SAMPLE_MAX {
            return bad(
                "reference_rows",
                format!("a reference must be 2 rows or more, and {SAMPLE_MAX} values or less"),
            );
        }
        if self.errors.len() > ERRORS_MAX {
            return bad("errors", format!("detectors of errors must be at most {ERRORS_MAX}"));
        }
        if let Some(labels) = self.labels.filter(|labels| !(1..=LABELS_MAX).contains(labels)) {
            return bad("labels", format!("{labels} predictions cannot wait: give 1 to {LABELS_MAX}"));
        }
        if self.label_horizon_ms == Some(0) {
            return bad("label_horizon_ms", "give at least 1 millisecond".to_owned());
        }
        for (field, ms) in [("stale_after_ms", self.stale_after_ms), ("window_ms", self.window_ms)] {
            if ms.is_some_and(|ms| ms < 200) {
                return bad(field, "give at least 200 milliseconds".to_owned());
            }
        }
        if let Some(feed) = &self.feed {
            if feed.event.is_empty() || feed.event.len() > NAME_BYTES_MAX {
                return bad("feed.event", format!("an event's type must be 1 to {NAME_BYTES_MAX} bytes"));
            }
            if !(feed.share > 0.0 && feed.share <= 1.0) {
                return bad("feed.share", "a share must be above 0 and at most 1".to_owned());
            }
        }
        let names = [("subject", Some(&self.subject)), ("signal", self.signal.as_ref())];
        for (field, name) in names.into_iter().filter_map(|(field, name)| Some((field, name?))) {
            if name.len() > NAME_BYTES_MAX
                || (field == "signal" && name.is_empty())
                || name.contains(|c: char| c.is_control() || matches!(c, '{' | '}'))
            {
                let why = format!(
                    "{field} must be at most {NAME_BYTES_MAX} bytes without braces and control characters"
                );
                return bad(field, why);
            }
        }
        self.check_judges()
    }

    fn check_features(&self) -> Result<(), Refused> {
        let bad = |field: &str, why: String| Err(Refused::field("BAD_SPEC", format!("spec.{field}"), why));
        for (at, feature) in self.features.iter().enumerate() {
            let field = format!("features[{at}].name");
            if feature.name.is_empty() || feature.name.len() > NAME_BYTES_MAX {
                return bad(&field, format!("a feature's name must be 1 to {NAME_BYTES_MAX} bytes"));
            }
            if self.features[..at].iter().any(|other| other.name == feature.name) {
                return bad(&field, format!("{:?} is listed twice", feature.name));
            }
            if MONITOR_ALARMS.contains(&feature.name.as_str()) {
                let why = format!(
                    "{:?} is the name of an alarm of the monitor itself: give another name",
                    feature.name
                );
                return bad(&field, why);
            }
            if self.feed.is_some() && !FEED.contains(&feature.name.as_str()) {
                return bad(&field, format!("a feed fills {}, not {:?}", FEED.join(", "), feature.name));
            }
        }
        Ok(())
    }

    /// Checks the options of the judges, each under its own path.
    fn check_judges(&self) -> Result<(), Refused> {
        let at = |path: String| move |error: DriftError| wrong(&path, &error);
        for (place, feature) in self.features.iter().enumerate() {
            Completeness::new(feature.expectation).map_err(at(format!("features[{place}].expectation.")))?;
        }
        for (place, detector) in self.errors.iter().enumerate() {
            detector.build().map_err(at(format!("errors[{place}].")))?;
        }
        if let Some(detector) = self.options.detector {
            detector.build().map_err(at("options.detector.".to_owned()))?;
        }
        Alert::new(self.options.alert).map_err(at("options.alert.".to_owned()))?;
        Ok(())
    }
}

/// The refusal of an option under this path, with a judge's error.
pub(super) fn wrong(path: &str, error: &DriftError) -> Refused {
    Refused::field("BAD_SPEC", format!("spec.{path}{}", error.field()), error.to_string())
}
