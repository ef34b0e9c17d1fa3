//! What a canary can be told and asked.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use troupe_runtime::{Address, Command, Query, Timestamp};
use troupe_statistics::canary::lifetime::{Lifetime, Window};
use troupe_statistics::canary::{CanaryConfig, JudgeResult, Thresholds};

use crate::stored::NamedFields;

/// Starts the analysis; a second time with the same words changes nothing.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartCanary {
    /// Whose it is, for people.
    #[serde(default)]
    pub application: String,
    /// By what it is judged, whole: what becomes of the stored one does not matter to it.
    pub config: NamedFields<CanaryConfig>,
    /// What makes it pass.
    pub thresholds: NamedFields<Thresholds>,
    /// When to look; one look at what is brought to it if absent.
    #[serde(default)]
    pub lifetime: Option<NamedFields<Lifetime>>,
    /// Where points come from: what a node needs to bring them, as the request said it.
    #[serde(default)]
    pub request: NamedFields<Value>,
}

impl Command for StartCanary {
    const VERB: &'static str = "start.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Starts the analysis on behalf of an entity, which is told its end by a [`CanaryEnded`], once. It is never refused: what
/// cannot be judged ends at once, as `refused`.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartFor {
    /// The analysis.
    pub start: StartCanary,
    /// Who is told.
    pub notify: Notify,
}

impl Command for StartFor {
    const VERB: &'static str = "start-for.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Who is told of an end.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// Its kind decides [`CanaryEnded`].
    pub to: Address,
    /// By which it knows its question.
    pub id: String,
}

/// Tells whoever had it started how a canary ended.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CanaryEnded {
    /// The question's id.
    pub id: String,
    /// The canary's key.
    pub canary: String,
    /// Its end.
    pub verdict: Verdict,
}

impl Command for CanaryEnded {
    const VERB: &'static str = "verdict.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// The points of one metric on both sides, null where there is none.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pair {
    /// The metric's name in the config.
    pub name: String,
    /// By which the pair is found.
    pub id: String,
    /// What tells it from pairs of the same metric.
    pub tags: BTreeMap<String, String>,
    /// The baseline's.
    pub control: Vec<Option<f64>>,
    /// The canary's.
    pub experiment: Vec<Option<f64>>,
}

/// Brings the points of a look. A look that was judged is not judged again.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgeLook {
    /// Which, from 0.
    #[serde(default)]
    pub look: u64,
    /// Its points.
    pub pairs: Vec<Pair>,
}

impl Command for JudgeLook {
    const VERB: &'static str = "judge.v1";
    type Reply = Judged;
    const REPEATABLE: bool = true;
}

/// The answer to [`JudgeLook`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Judged {
    /// Whether this was judged now, and not before.
    pub fresh: bool,
    /// What the look showed.
    pub result: NamedFields<JudgeResult>,
    /// What the whole has come to, if it ended.
    pub verdict: Option<Verdict>,
}

/// Says that points of a look could not be had: it is asked for again until it is overdue.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GiveUp {
    /// Which look.
    pub look: u64,
    /// Why, for people.
    pub why: String,
}

impl Command for GiveUp {
    const VERB: &'static str = "give-up.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Ends it without a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    /// Why, for people.
    #[serde(default)]
    pub why: String,
}

impl Command for Cancel {
    const VERB: &'static str = "cancel.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Looks at the clock; its own timer tells it.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Overdue {}

impl Command for Overdue {
    const VERB: &'static str = "overdue.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// What a whole analysis has come to.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Verdict {
    /// When.
    pub at: Timestamp,
    /// `passed`, `failed`, `no_data`, `cancelled` or `refused`.
    pub outcome: String,
    /// Whether the candidate may go on; only `passed` says so.
    pub passed: bool,
    /// In a sentence.
    pub words: String,
}

/// What a look showed of one metric, with points thinned for a picture.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct MetricView {
    /// The metric.
    pub name: String,
    /// Its class, in Kayenta's words.
    pub classification: String,
    /// Why, for people.
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
    /// When it was judged.
    pub at: Timestamp,
    /// What it judged; the whole of what was brought where there is no lifetime.
    pub window: Option<NamedFields<Window>>,
    /// Its score, 0 to 100.
    pub score: f64,
    /// All that the judge said.
    pub result: NamedFields<JudgeResult>,
    /// By metric; of the newest look only.
    pub metrics: Vec<MetricView>,
}

/// Asks for everything.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetCanary {}

/// The answer to [`GetCanary`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct CanaryView {
    /// How it was started; none if it never was.
    pub started: Option<StartCanary>,
    /// When.
    pub at: Timestamp,
    /// Oldest first.
    pub looks: Vec<LookView>,
    /// The window of the next look.
    pub next: Option<NamedFields<Window>>,
    /// Why points of it could not be had.
    pub trouble: Option<String>,
    /// What it has come to.
    pub verdict: Option<Verdict>,
}

impl Query for GetCanary {
    const VERB: &'static str = "get.v1";
    type Reply = CanaryView;
}
