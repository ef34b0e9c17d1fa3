//! Messages of an outcome.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Timestamp, command, query};

use crate::experimentation::participants::Change;

/// A member was exposed for the first time. Its participant sends this.
#[command("enrol.v1")]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddMembers {
    /// The experiment's definition, by revision.
    pub revision: u64,
    /// The variation.
    pub variation: String,
    /// The member's total before the exposure, for each metric.
    pub covariates: Vec<f64>,
}

/// A member was seen in a second variation and is removed from its first.
#[command("withdraw.v1")]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdraw {
    /// The experiment's definition, by revision.
    pub revision: u64,
    /// The first variation.
    pub variation: String,
    /// The change of the sums, for each metric.
    pub changes: Vec<Change>,
}

/// An event of a member changed an arm's sums.
#[command("tally.v1")]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddSums {
    /// The experiment's definition, by revision.
    pub revision: u64,
    /// The variation.
    pub variation: String,
    /// Position of the metric, and change of its sums.
    pub changes: Vec<(u16, Change)>,
    /// Position of the metric, and a value for its quantile.
    pub values: Vec<(u16, f64)>,
}

/// The experiment started or stopped.
#[command("follow.v1", repeatable)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Follow {
    /// Whether the experiment runs.
    pub runs: bool,
}

/// Takes a look now. The outcome's own timer sends it; a client may send it to look at once.
#[command("look.v1", reply = LookView, repeatable)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct LookNow {}

/// The result of a look for one metric in one variation, against the first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The metric.
    pub metric: String,
    /// The variation.
    pub variation: String,
    /// Members of the variation; for a quantile, members with a value.
    pub n: u64,
    /// The variation's mean, ratio or quantile; `None` without data.
    pub value: Option<f64>,
    /// The same for the first variation.
    pub baseline: Option<f64>,
    /// The difference to the first variation, in the metric's unit; the verdict rests on it. `None` without a result.
    #[serde(default)]
    pub difference: Option<f64>,
    /// The interval of the difference at the plan's confidence; `None` without variance.
    #[serde(default)]
    pub difference_interval: Option<(f64, f64)>,
    /// The difference relative to the first variation's absolute value; `None` if that is 0, or without a result.
    pub effect: Option<f64>,
    /// The interval of the effect at the plan's confidence. It is derived from the decisions on absolute differences,
    /// so it excludes 0 exactly if the difference is decided. `None` if the first variation does not differ
    /// significantly from 0.
    pub interval: Option<(f64, f64)>,
    /// The p-value, valid as the method defines; for the Bayesian method, the probability of being the worse one.
    pub p: Option<f64>,
    /// `better`, `worse`, `open` or `no_data`.
    pub verdict: String,
    /// Why a number, or the relative effect, is missing.
    #[serde(default)]
    pub why: String,
}

/// One look.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LookView {
    /// Time of the look.
    pub at: Timestamp,
    /// Members of each variation, in the experiment's order.
    pub members: Vec<u64>,
    /// The p-value of the arms' sizes under the weights; valid at every look, except under the fixed method.
    pub imbalance_p: Option<f64>,
    /// By metric, then by variation from the second on.
    pub measured: Vec<Measured>,
    /// `winner`, `loser`, `harm`, `imbalance`, `open` or `no_data`.
    pub verdict: String,
    /// The verdict as one sentence.
    pub words: String,
}

/// The look that decided.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Decided {
    /// Time of the look.
    pub at: Timestamp,
    /// The verdict.
    pub verdict: String,
    /// The verdict as one sentence.
    pub words: String,
}

/// Reads the whole state.
#[query("get.v1", reply = OutcomeView)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetOutcome {}

/// The answer to [`GetOutcome`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutcomeView {
    /// The experiment's definition, by revision.
    pub revision: u64,
    /// Whether looks are taken.
    pub runs: bool,
    /// Variation and number of its members.
    pub members: Vec<(String, u64)>,
    /// Members seen in more than one variation; they count in neither.
    pub mixed: u64,
    /// Whether looks are valid at any time: true for the sequential method.
    pub looks_are_free: bool,
    /// Number of looks taken, including those that were thinned out.
    pub looked: u64,
    /// Oldest first; older looks are thinned out.
    pub looks: Vec<LookView>,
    /// The look that decided.
    pub decided: Option<Decided>,
}
