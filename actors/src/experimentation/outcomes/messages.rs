//! What an outcome can be told and asked.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Command, Query, Timestamp};

use crate::experimentation::participants::Change;

/// A member was exposed for the first time; its participant tells it.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrol {
    /// Which definition of the experiment.
    pub revision: u64,
    /// The variation.
    pub variation: String,
    /// What the member did before, for each metric.
    pub covariates: Vec<f64>,
}

impl Command for Enrol {
    const VERB: &'static str = "enrol.v1";
    type Reply = ();
}

/// A member was seen in a second variation and is taken out of its first.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdraw {
    /// Which definition of the experiment.
    pub revision: u64,
    /// The first variation.
    pub variation: String,
    /// What goes with it, for each metric.
    pub changes: Vec<Change>,
}

impl Command for Withdraw {
    const VERB: &'static str = "withdraw.v1";
    type Reply = ();
}

/// An event of a member changed an arm's sums.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// Which definition of the experiment.
    pub revision: u64,
    /// The variation.
    pub variation: String,
    /// By place of the metric.
    pub changes: Vec<(u16, Change)>,
    /// Values for the quantiles, by place of the metric.
    pub values: Vec<(u16, f64)>,
}

impl Command for Tally {
    const VERB: &'static str = "tally.v1";
    type Reply = ();
}

/// The experiment began or ended.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Follow {
    /// Whether it runs.
    pub runs: bool,
}

impl Command for Follow {
    const VERB: &'static str = "follow.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Looks now; its own timer tells it, and whoever does not want to wait.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct LookNow {}

impl Command for LookNow {
    const VERB: &'static str = "look.v1";
    type Reply = LookView;
    const REPEATABLE: bool = true;
}

/// What a look said of one metric in one variation, against the first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The metric.
    pub metric: String,
    /// The variation.
    pub variation: String,
    /// Members of the variation; of a quantile, those with a value.
    pub n: u64,
    /// The variation's mean, ratio or quantile; none without data.
    pub value: Option<f64>,
    /// The first variation's.
    pub baseline: Option<f64>,
    /// How far it is above the first, in the metric's unit: what is decided. None where nothing can be said.
    #[serde(default)]
    pub difference: Option<f64>,
    /// Where that lies, with the plan's confidence; none where nothing varies.
    #[serde(default)]
    pub difference_interval: Option<(f64, f64)>,
    /// How far it is above the first, in parts of the first's size; none where that is 0 or nothing can be said.
    pub effect: Option<f64>,
    /// Where that lies, with the plan's confidence. It is made of the decisions on absolute differences and never says
    /// otherwise: 0 lies outside exactly where the difference is decided. None where the first cannot be told from 0.
    pub interval: Option<(f64, f64)>,
    /// The p-value, valid as the method says; of the Bayesian method, the chance to be the worse one.
    pub p: Option<f64>,
    /// `better`, `worse`, `open` or `no_data`.
    pub verdict: String,
    /// Why there is no number, or no relative one.
    #[serde(default)]
    pub why: String,
}

/// One look.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LookView {
    /// When.
    pub at: Timestamp,
    /// Members of each variation, in the experiment's order.
    pub members: Vec<u64>,
    /// The p-value that arms of this size come from these weights; valid at every look.
    pub imbalance_p: Option<f64>,
    /// By metric, then by variation from the second on.
    pub measured: Vec<Measured>,
    /// `winner`, `loser`, `harm`, `imbalance`, `open` or `no_data`.
    pub verdict: String,
    /// In a sentence.
    pub words: String,
}

/// The look that decided.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Decided {
    /// When.
    pub at: Timestamp,
    /// What.
    pub verdict: String,
    /// In a sentence.
    pub words: String,
}

/// Asks for everything.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetOutcome {}

/// The answer to [`GetOutcome`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutcomeView {
    /// Which definition of the experiment.
    pub revision: u64,
    /// Whether looks are taken.
    pub runs: bool,
    /// Members of each variation.
    pub members: Vec<(String, u64)>,
    /// Members seen in more than one variation, who count in none.
    pub mixed: u64,
    /// Whether one may look as often as one likes.
    pub looks_are_free: bool,
    /// Looks taken, those not kept included.
    pub looked: u64,
    /// Oldest first; of many, ever fewer of the older ones.
    pub looks: Vec<LookView>,
    /// The look that decided.
    pub decided: Option<Decided>,
}

impl Query for GetOutcome {
    const VERB: &'static str = "get.v1";
    type Reply = OutcomeView;
}
