//! What a monitor can be told and asked.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Command, Query, Timestamp};

use super::spec::MonitorSpec;
use super::window::{Alarm, Window};
use crate::stored::NamedFields;

/// Defines the monitor anew: its memory begins with this.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefineMonitor {
    /// What it watches.
    pub spec: NamedFields<MonitorSpec>,
    /// The reference, a column for each feature, null where there is no value; learned from the first rows if absent.
    /// At most 200 KiB as it is stored, a value being 9 bytes and a null 1: 22,700 values, so 900 rows of 25 features.
    #[serde(default)]
    pub reference: Option<Vec<Vec<Option<f64>>>>,
}

impl Command for DefineMonitor {
    const VERB: &'static str = "define.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// A prediction of a binary classifier that waits for its label.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predicted {
    /// By which the label will name it.
    pub key: String,
    /// The calibrated probability of the positive class, 0 to 1.
    pub probability: f64,
    /// The class that was predicted; probability of a half or more if absent.
    #[serde(default)]
    pub positive: Option<bool>,
}

/// One observation.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Row {
    /// One for each feature, in their order; null where there is none.
    pub values: Vec<Option<f64>>,
    /// How wrong the model was: 0 right, 1 wrong, or between.
    pub error: Option<f64>,
    /// What the model predicted.
    pub predicted: Option<Predicted>,
}

/// Tells rows, at most 2,000, and 200 KiB as they are stored: with 25 features, 860. The batch is taken whole or not at
/// all. It is counted as often as it is sent: protect it with an idempotency key.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observe {
    /// The rows.
    pub rows: Vec<Row>,
}

/// The answer to [`Observe`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Observed {
    /// Rows told since the monitor was defined.
    pub observed: u64,
    /// What people were told because of this.
    pub alarms: Vec<Alarm>,
}

impl Command for Observe {
    const VERB: &'static str = "observe.v1";
    type Reply = Observed;
}

/// An event of a member, as a feed tells it.
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberEvent {
    /// How much of it.
    pub value: Option<f64>,
    /// The hour of its day, UTC, with its fraction.
    pub hour: f64,
    /// Seconds since the member's event before it; none for the first.
    pub gap_s: Option<f64>,
    /// Events that the member's history held.
    pub history: f64,
    /// Whether the member had met the content before.
    pub repeat: bool,
    /// Whether the content was missing in what the member was last shown; none for a member never shown anything.
    pub missed: Option<bool>,
}

impl Command for MemberEvent {
    const VERB: &'static str = "happening.v1";
    type Reply = ();
}

/// Brings the truth to a prediction. A second label for it changes nothing.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// The prediction's key.
    pub key: String,
    /// Its class.
    pub positive: bool,
}

impl Command for Label {
    const VERB: &'static str = "label.v1";
    type Reply = bool;
    const REPEATABLE: bool = true;
}

/// Keeps alarms back for a while; what still holds afterwards is told then.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Silence {
    /// Of which feature; of all if absent.
    #[serde(default)]
    pub feature: Option<String>,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Why, for those who come after.
    #[serde(default)]
    pub reason: String,
}

impl Command for Silence {
    const VERB: &'static str = "silence.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Takes a silence back.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lift {
    /// The silence, as it was told.
    pub silence: Silence,
}

impl Command for Lift {
    const VERB: &'static str = "lift.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Looks at the clock; its own timer tells it.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Tick {}

impl Command for Tick {
    const VERB: &'static str = "tick.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Asks for everything that people would ask first.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetMonitor {
    /// Windows, the newest; all that are kept if absent.
    #[serde(default)]
    pub windows: Option<u32>,
}

/// The answer to [`GetMonitor`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct MonitorView {
    /// What it watches.
    pub spec: NamedFields<MonitorSpec>,
    /// `undefined`, `learning`, `watching` or `failed`.
    pub phase: String,
    /// Why it failed, or how much of the reference is there.
    pub words: String,
    /// Rows told since it was defined.
    pub observed: u64,
    /// When the newest came.
    pub last: Option<Timestamp>,
    /// What is bad now.
    pub firing: Vec<String>,
    /// Oldest first.
    pub windows: Vec<Window>,
    /// Newest first.
    pub alarms: Vec<Alarm>,
    /// Those that have not ended.
    pub silences: Vec<Silence>,
    /// Predictions that wait for labels.
    pub waiting: u64,
}

impl Query for GetMonitor {
    const VERB: &'static str = "get.v1";
    type Reply = MonitorView;
}

/// Compares two samples by every measure of drift, without any memory.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compare {
    /// Up to 100,000 numbers.
    pub reference: Vec<f64>,
    /// Up to 100,000 numbers.
    pub current: Vec<f64>,
    /// Bins of the measures that need them.
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
    /// The population stability index and what it exceeds once in a hundred times if nothing has changed.
    pub psi: (f64, f64),
    /// The Jensen-Shannon distance to base 2.
    pub jensen_shannon: f64,
    /// The Hellinger distance.
    pub hellinger: f64,
    /// The Wasserstein distance, in the sample's unit.
    pub wasserstein: f64,
    /// The same in standard deviations of the reference; none for a constant one.
    pub wasserstein_normed: Option<f64>,
    /// The p-value of Mann and Whitney's test.
    pub mann_whitney_p: Option<f64>,
}

impl Query for Compare {
    const VERB: &'static str = "compare.v1";
    type Reply = Compared;
}
