//! Messages of an experiment.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Timestamp, command, query};

use super::plan::Plan;
use super::spec::ExperimentSpec;

/// Lifecycle state of an experiment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Never defined.
    #[default]
    Undefined,
    /// Defined, not started.
    Draft,
    /// Allocates members.
    Running,
    /// No longer allocates members.
    Stopped,
}

/// Defines the experiment; refused while it runs.
#[command("define.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Define {
    /// What the experiment compares.
    pub spec: ExperimentSpec,
}

/// Starts the allocation.
#[command("start.v1", repeatable)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Start {}

/// Stops the allocation.
#[command("stop.v1", repeatable)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Stop {}

/// Sets the metrics and the method of judging; refused while the experiment runs.
#[command("plan.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanAhead {
    /// The whole plan.
    pub plan: Plan,
}

/// The next step of the ramp begins. The experiment's own timer sends it.
#[command("climb.v1", repeatable)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Climb {}

/// The verdict on the experiment, sent by its outcome.
#[command("conclude.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conclude {
    /// The definition that was judged.
    pub revision: u64,
    /// Time of the verdict.
    pub at: Timestamp,
    /// One of `winner`, `loser`, `harm`, `imbalance`.
    pub verdict: String,
    /// The verdict as one sentence, with the figures.
    pub words: String,
    /// Whether the verdict stops the experiment.
    pub stops: bool,
}

/// Reads the whole state.
#[query("get.v1", reply = ExperimentView)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetExperiment {}

/// The answer to [`GetExperiment`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct ExperimentView {
    /// Lifecycle state.
    pub state: State,
    /// What the experiment compares.
    pub spec: Option<ExperimentSpec>,
    /// What it measures and how it is judged.
    pub plan: Plan,
    /// Number of definitions so far.
    pub revision: u64,
    /// Time of the last start; `None` without a plan.
    pub started: Option<Timestamp>,
    /// The last verdict.
    pub conclusion: Option<Conclude>,
    /// Members that were assigned in advance.
    pub dealt: u64,
}

/// A member of a set known in advance, with its strata, within which the arms are balanced: for example country and
/// device. The order of the strata is the same for all members.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// The member's id.
    pub id: String,
    /// The member's values of the attributes that make up the strata.
    #[serde(default)]
    pub strata: Vec<String>,
}

/// Assigns members to the variations by weight, balanced within every stratum. No other member takes part then. An
/// empty list removes the batch. Refused while the experiment runs.
#[command("deal.v1", reply = Stratified, repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stratify {
    /// At most 5,000 members, with ids of at most 100 KiB in total.
    pub members: Vec<Candidate>,
}

/// The answer to [`Stratify`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Stratified {
    /// Variation and number of members, in the experiment's order.
    pub members: Vec<(String, u64)>,
}

/// Computes the power of two arms of equal size: the members that an effect needs, or the effect that members can
/// show.
#[query("power.v1", reply = Power)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GetPower {
    /// The standard deviation of a member's value; for a proportion p, the square root of p (1 - p).
    pub deviation: f64,
    /// The difference between the arms, in the value's unit.
    #[serde(default)]
    pub effect: Option<f64>,
    /// Members of each arm.
    #[serde(default)]
    pub members: Option<f64>,
    /// The wanted power; default 0.8.
    #[serde(default)]
    pub power: Option<f64>,
}

/// The answer to [`GetPower`], for one look at the plan's alpha.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Power {
    /// Members that each arm needs to show the effect.
    pub members_needed: Option<f64>,
    /// The smallest effect that the given members show.
    pub least_effect: Option<f64>,
    /// The power of the given members for the effect.
    pub chance: Option<f64>,
}
