//! The commands and queries of a canary.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use troupe_runtime::{Address, Timestamp, command, query};
use troupe_statistics::canary::lifetime::{Lifetime, Window};
use troupe_statistics::canary::{CanaryConfig, JudgeResult, Thresholds};

use crate::stored::NamedFields;

/// Starts the analysis. A repeated start with equal content changes nothing.
#[command("start.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartCanary {
    /// The application, for display.
    #[serde(default)]
    pub application: String,
    /// A full copy of the config; later changes of a stored config have no effect.
    pub config: NamedFields<CanaryConfig>,
    /// The scores to pass.
    pub thresholds: NamedFields<Thresholds>,
    /// The schedule of looks; if absent, one look at the points that a caller brings.
    #[serde(default)]
    pub lifetime: Option<NamedFields<Lifetime>>,
    /// The source of the points, which a node needs to bring them: the scopes of the request.
    #[serde(default)]
    pub request: NamedFields<Value>,
}

/// Starts the analysis for an entity, which gets the end once as a [`CanaryEnded`]. Never refused: an invalid analysis
/// ends at once with the outcome `refused`.
#[command("start-for.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartFor {
    /// The analysis.
    pub start: StartCanary,
    /// The receiver of the end.
    pub notify: Notify,
}

/// The receiver of an end.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// The entity; its kind must decide [`CanaryEnded`].
    pub to: Address,
    /// The receiver's id of its request.
    pub id: String,
}

/// Reports the end of a canary to the entity that started it.
#[command("verdict.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CanaryEnded {
    /// The id of the request.
    pub id: String,
    /// The canary's key.
    pub canary: String,
    /// The verdict.
    pub verdict: Verdict,
}

/// The points of one metric on both sides; null for a missing point.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pair {
    /// The metric's name in the config.
    pub name: String,
    /// The id of the pair.
    pub id: String,
    /// The tags that distinguish pairs of one metric.
    pub tags: BTreeMap<String, String>,
    /// The baseline's points.
    pub control: Vec<Option<f64>>,
    /// The canary's points.
    pub experiment: Vec<Option<f64>>,
}

/// Brings the points of a look. A look that was judged already returns its stored result.
#[command("judge.v1", reply = Judged, repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgeLook {
    /// The number of the look, from 0.
    #[serde(default)]
    pub look: u64,
    /// Its points.
    pub pairs: Vec<Pair>,
}

/// The answer to [`JudgeLook`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Judged {
    /// Whether this command judged the look; false for a repetition.
    pub fresh: bool,
    /// The result of the look.
    pub result: NamedFields<JudgeResult>,
    /// The verdict, if the analysis has ended.
    pub verdict: Option<Verdict>,
}

/// Reports that the points of a look could not be fetched. The canary becomes due again until the look is overdue.
#[command("give-up.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GiveUp {
    /// The number of the look.
    pub look: u64,
    /// The reason, for display.
    pub why: String,
}

/// Ends the analysis with the outcome `cancelled`.
#[command("cancel.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    /// The reason, for display.
    #[serde(default)]
    pub why: String,
}

/// Ends the analysis with `no_data`, if it still runs; sent by its own timer.
#[command("overdue.v1", repeatable)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Overdue {}

/// The end of an analysis.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Verdict {
    /// The time.
    pub at: Timestamp,
    /// `passed`, `failed`, `no_data`, `cancelled` or `refused`.
    pub outcome: String,
    /// Whether the candidate may go on: true only for `passed`.
    pub passed: bool,
    /// The reason, in a sentence.
    pub words: String,
}

/// The result of one metric in a look, with points thinned for a chart.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct MetricView {
    /// The metric.
    pub name: String,
    /// Kayenta's class.
    pub classification: String,
    /// The reason, for display.
    pub reason: String,
    /// The ratio of the means, canary over baseline.
    pub ratio: Option<f64>,
    /// The baseline's points.
    pub control: Vec<Option<f32>>,
    /// The canary's points.
    pub experiment: Vec<Option<f32>>,
}

/// One look.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct LookView {
    /// Time of the judgment.
    pub at: Timestamp,
    /// The judged window; `None` without a lifetime, where all points count.
    pub window: Option<NamedFields<Window>>,
    /// Its score, 0 to 100.
    pub score: f64,
    /// The judge's full result.
    pub result: NamedFields<JudgeResult>,
    /// The metrics, of the newest look only.
    pub metrics: Vec<MetricView>,
}

/// Reads the whole analysis.
#[query("get.v1", reply = CanaryView)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetCanary {}

/// The answer to [`GetCanary`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct CanaryView {
    /// The start command; `None` before the start.
    pub started: Option<StartCanary>,
    /// The time.
    pub at: Timestamp,
    /// The looks, oldest first.
    pub looks: Vec<LookView>,
    /// The window of the next look.
    pub next: Option<NamedFields<Window>>,
    /// The reason why its points could not be fetched.
    pub trouble: Option<String>,
    /// The verdict; `None` while it runs.
    pub verdict: Option<Verdict>,
}
