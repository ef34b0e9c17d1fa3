//! The commands and queries of a monitor.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Timestamp, command, query};

use super::spec::MonitorSpec;
use super::window::{Alarm, Window};
use crate::stored::NamedFields;

/// Defines the monitor, and resets its memory.
#[command("define.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefineMonitor {
    /// The features, options and feed.
    pub spec: NamedFields<MonitorSpec>,
    /// The reference, a column for each feature, with null for a missing value; learned from the first rows if absent.
    /// At most 200 KiB as it is stored, with 9 bytes for a value and 1 for a null: 22,700 values, so 900 rows of 25
    /// features.
    #[serde(default)]
    pub reference: Option<Vec<Vec<Option<f64>>>>,
}

/// A prediction of a binary classifier that waits for its label.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predicted {
    /// The key that its label will name.
    pub key: String,
    /// The calibrated probability of the positive class, 0 to 1.
    pub probability: f64,
    /// The predicted class; if absent, whether the probability is at least 0.5.
    #[serde(default)]
    pub positive: Option<bool>,
}

/// One observation.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Row {
    /// One value for each feature, in their order; null for a missing one.
    pub values: Vec<Option<f64>>,
    /// The error of the model, from 0 (right) to 1 (wrong).
    pub error: Option<f64>,
    /// The prediction, if it waits for a label.
    pub predicted: Option<Predicted>,
}

/// Adds rows: at most 2,000, and at most 200 KiB as they are stored, which is 860 rows of 25 features. The batch is
/// taken whole or not at all. Not idempotent: protect it with an idempotency key.
#[command("observe.v1", reply = Observed)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observe {
    /// The rows.
    pub rows: Vec<Row>,
}

/// The answer to [`Observe`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Observed {
    /// Rows observed since the monitor was defined.
    pub observed: u64,
    /// The alarms that these rows fired or resolved.
    pub alarms: Vec<Alarm>,
}

/// An event of a member, as a feed sends it.
#[command("happening.v1")]
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberEvent {
    /// The value of the event.
    pub value: Option<f64>,
    /// The hour of the day in UTC, with its fraction.
    pub hour: f64,
    /// Seconds since the member's previous event; `None` for the first.
    pub gap_s: Option<f64>,
    /// Number of events in the member's history.
    pub history: f64,
    /// Whether the member had used the content before.
    pub repeat: bool,
    /// Whether the content was missing in the member's last recommendations; `None` for a member without any.
    pub missed: Option<bool>,
}

/// Adds the true class of a prediction. A second label for it changes nothing.
#[command("label.v1", reply = bool, repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// The prediction's key.
    pub key: String,
    /// The true class.
    pub positive: bool,
}

/// Suppresses alarms for a time. Alarms that still hold afterwards fire then.
#[command("silence.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Silence {
    /// The feature or alarm; all of them if absent.
    #[serde(default)]
    pub feature: Option<String>,
    /// Begin of the silence.
    pub from: Timestamp,
    /// End of the silence.
    pub until: Timestamp,
    /// The reason, for display.
    #[serde(default)]
    pub reason: String,
}

/// Removes a silence.
#[command("lift.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lift {
    /// The silence, equal to the command that added it.
    pub silence: Silence,
}

/// Judges windows, labels and stale data by the clock; sent by its own timer.
#[command("tick.v1", repeatable)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Tick {}

/// Reads the phase, windows, alarms and silences.
#[query("get.v1", reply = MonitorView)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetMonitor {
    /// Number of the newest windows to return; all kept ones if absent.
    #[serde(default)]
    pub windows: Option<u32>,
}

/// The answer to [`GetMonitor`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct MonitorView {
    /// The features, options and feed.
    pub spec: NamedFields<MonitorSpec>,
    /// `undefined`, `learning`, `watching` or `failed`.
    pub phase: String,
    /// The reason of a failure, or the progress of the reference.
    pub words: String,
    /// Rows observed since the monitor was defined.
    pub observed: u64,
    /// Time of the newest row.
    pub last: Option<Timestamp>,
    /// The features and alarms that fire now.
    pub firing: Vec<String>,
    /// The windows, oldest first.
    pub windows: Vec<Window>,
    /// The alarms, newest first.
    pub alarms: Vec<Alarm>,
    /// The silences that have not ended.
    pub silences: Vec<Silence>,
    /// Number of predictions that wait for labels.
    pub waiting: u64,
}

/// Compares two samples by every measure of drift; stores nothing.
#[query("compare.v1", reply = Compared)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compare {
    /// Up to 100,000 numbers.
    pub reference: Vec<f64>,
    /// Up to 100,000 numbers.
    pub current: Vec<f64>,
    /// Number of bins, for the measures that need them. Default: 10.
    #[serde(default = "ten")]
    pub bins: u32,
}

const fn ten() -> u32 {
    10
}

/// The answer to [`Compare`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Compared {
    /// Kolmogorov and Smirnov's statistic and p-value.
    pub ks: (f64, f64),
    /// The p-value of the chi-square test over the bins.
    pub chi_square_p: f64,
    /// The population stability index, and its 99th percentile without drift.
    pub psi: (f64, f64),
    /// The Jensen-Shannon distance to base 2.
    pub jensen_shannon: f64,
    /// The Hellinger distance.
    pub hellinger: f64,
    /// The Wasserstein distance, in the sample's unit.
    pub wasserstein: f64,
    /// The same in standard deviations of the reference; `None` for a constant reference.
    pub wasserstein_normed: Option<f64>,
    /// The p-value of Mann and Whitney's test.
    pub mann_whitney_p: Option<f64>,
}
