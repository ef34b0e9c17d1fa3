//! What a monitor watches, and how.

use serde::{Deserialize, Serialize};
use troupe_runtime::Refused;
use troupe_statistics::drift::DriftError;
use troupe_statistics::drift::alert::{Alert, AlertPolicy};
use troupe_statistics::drift::batch::Completeness;
use troupe_statistics::drift::monitor::{Feature, MonitorOptions};
use troupe_statistics::drift::stream::DetectorSpec;

/// Features of one monitor.
const FEATURES_MAX: usize = 100;
/// Values kept while the reference is learned.
const SAMPLE_MAX: usize = 200_000;
/// Longest name of a feature or signal, and longest subject, in bytes.
const NAME_BYTES_MAX: usize = 128;
/// Detectors on the stream of errors.
const ERRORS_MAX: usize = 8;
/// Predictions that wait for their labels.
const LABELS_MAX: u32 = 20_000;
/// Observations in a window.
const WINDOW_MAX: u32 = 100_000;

/// The alarms of the monitor itself, which no feature may be named after.
pub(super) const MONITOR_ALARMS: [&str; 4] = ["errors", "estimated_accuracy", "stale", "accuracy"];

/// What a feed tells of an event, in the words for features.
pub const FEED: [&str; 5] = ["value", "hour", "gap_s", "history", "repeat"];

/// Events of members that become rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feed {
    /// Which: `rating`, `play`.
    pub event: String,
    /// The share of them, by a hash of the event.
    #[serde(default = "whole")]
    pub share: f32,
}

const fn whole() -> f32 {
    1.0
}

/// What a monitor watches.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MonitorSpec {
    /// What it is about, for people: `models/movies`.
    pub subject: String,
    /// The columns of its rows, 1 to 100; the predictions of a model are a column like any other. With a feed, of
    /// [`FEED`].
    pub features: Vec<Feature>,
    /// How windows are judged and become alarms.
    pub options: MonitorOptions,
    /// Rows that the reference is learned from, where none is given; as many as ten windows have if absent, bounded by
    /// 200,000 values.
    pub reference_rows: Option<u32>,
    /// Detectors on the stream of errors, which are 0 to 1.
    pub errors: Vec<DetectorSpec>,
    /// How many predictions may wait for their labels; none are joined if absent.
    pub labels: Option<u32>,
    /// Milliseconds that a prediction waits for its label.
    pub label_horizon_ms: Option<u64>,
    /// Milliseconds without a row after which its data is stale; not judged if absent.
    pub stale_after_ms: Option<u64>,
    /// Milliseconds after which a window ends, however full it is.
    pub window_ms: Option<u64>,
    /// Events of members that become rows.
    pub feed: Option<Feed>,
    /// The signal that an alarm raises.
    pub signal: Option<String>,
}

impl MonitorSpec {
    /// Rows that the reference is learned from.
    #[must_use]
    pub fn learned_rows(&self) -> u32 {
        self.reference_rows.unwrap_or_else(|| {
            let bound = SAMPLE_MAX / self.features.len().max(1);
            self.options.window.saturating_mul(10).min(u32::try_from(bound).unwrap_or(u32::MAX))
        })
    }

    /// How often it wakes by itself; never if nothing of it depends on time.
    #[must_use]
    pub fn wakes_every_ms(&self) -> Option<u64> {
        let stale = self.stale_after_ms.map(|ms| ms / 2);
        stale.into_iter().chain(self.window_ms).min().map(|ms| ms.clamp(100, 60_000))
    }

    /// The policy of the `stale` alarm. It fires at the first bad look, because silence is not subject to chance.
    pub(super) const fn stale_policy(&self) -> AlertPolicy {
        AlertPolicy { enter: 1, of: 1, leave: 1, cooldown_ms: self.options.alert.cooldown_ms }
    }

    /// What cannot be watched, with the field at fault.
    ///
    /// # Errors
    /// The first problem; options that only the judges know are checked when a reference is there.
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
                return bad(&field, format!("{:?} is there twice", feature.name));
            }
            if MONITOR_ALARMS.contains(&feature.name.as_str()) {
                let why = format!(
                    "{:?} is what an alarm of the monitor itself is called: give another name",
                    feature.name
                );
                return bad(&field, why);
            }
            if self.feed.is_some() && !FEED.contains(&feature.name.as_str()) {
                return bad(
                    &field,
                    format!("a feed tells of {}, not of {:?}", FEED.join(", "), feature.name),
                );
            }
        }
        Ok(())
    }

    /// What a judge would not begin with, each option under its own path.
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

/// A refusal of what a judge says of an option that is under this path.
pub(super) fn wrong(path: &str, error: &DriftError) -> Refused {
    Refused::field("BAD_SPEC", format!("spec.{path}{}", error.field()), error.to_string())
}
