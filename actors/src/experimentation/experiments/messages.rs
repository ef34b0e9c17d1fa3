//! What an experiment can be told and asked.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Command, Query, Timestamp};

use super::plan::Plan;

/// One arm.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variation {
    /// Its name.
    pub name: String,
    /// The version of the experiment's model that answers in it; the champion when absent.
    #[serde(default)]
    pub version: Option<u32>,
}

/// What is tried.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExperimentSpec {
    /// The model.
    pub model: String,
    /// Its arms.
    pub variations: Vec<Variation>,
    /// Their shares; equal when absent.
    #[serde(default)]
    pub weights: Option<Vec<f64>>,
    /// The share of members that take part.
    #[serde(default = "whole")]
    pub coverage: f64,
    /// Seed of the hash; the experiment's key when absent.
    #[serde(default)]
    pub seed: Option<String>,
    /// 1 or 2.
    #[serde(default = "newest")]
    pub hash_version: u8,
}

const fn whole() -> f64 {
    1.0
}

const fn newest() -> u8 {
    2
}

/// Whether it allocates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Never defined.
    #[default]
    Undefined,
    /// Defined, and not started.
    Draft,
    /// Allocates.
    Running,
    /// Allocates no more.
    Stopped,
}

/// Defines the experiment; refused while it runs.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Define {
    /// What is tried.
    pub spec: ExperimentSpec,
}

impl Command for Define {
    const VERB: &'static str = "define.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Begins to allocate.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Start {}

impl Command for Start {
    const VERB: &'static str = "start.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Ceases to allocate.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Stop {}

impl Command for Stop {
    const VERB: &'static str = "stop.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Sets what the experiment measures and how it is judged; refused while it runs.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanAhead {
    /// The whole plan.
    pub plan: Plan,
}

impl Command for PlanAhead {
    const VERB: &'static str = "plan.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// The next step of the ramp begins; its own timer tells it.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Climb {}

impl Command for Climb {
    const VERB: &'static str = "climb.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// What its outcome says of it; the outcome itself tells it.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conclude {
    /// Of which definition.
    pub revision: u64,
    /// When.
    pub at: Timestamp,
    /// In a word: `winner`, `loser`, `harm`, `imbalance`.
    pub verdict: String,
    /// In a sentence, with the figures.
    pub words: String,
    /// Whether the experiment stops because of it.
    pub stops: bool,
}

impl Command for Conclude {
    const VERB: &'static str = "conclude.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Asks for everything.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetExperiment {}

/// The answer to [`GetExperiment`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct ExperimentView {
    /// Whether it allocates.
    pub state: State,
    /// What is tried.
    pub spec: Option<ExperimentSpec>,
    /// What it measures, and how it is judged.
    pub plan: Plan,
    /// Counts definitions.
    pub revision: u64,
    /// When it was last started, if it has a plan.
    pub started: Option<Timestamp>,
    /// What was last concluded of it.
    pub conclusion: Option<Conclude>,
    /// Members that were dealt out beforehand.
    pub dealt: u64,
}

impl Query for GetExperiment {
    const VERB: &'static str = "get.v1";
    type Reply = ExperimentView;
}

/// A member of a set that is known beforehand, with the strata in which its arms shall be in balance: country and device,
/// say, in one order for all members.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// The member.
    pub id: String,
    /// Its values of the attributes that make the strata.
    #[serde(default)]
    pub strata: Vec<String>,
}

/// Deals members out to the variations by their weights, in balance in every stratum; nobody else takes part then. No
/// members take the batch back. Refused while the experiment runs.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deal {
    /// At most 5,000, of 100 KiB together.
    pub members: Vec<Candidate>,
}

impl Command for Deal {
    const VERB: &'static str = "deal.v1";
    type Reply = Dealt;
    const REPEATABLE: bool = true;
}

/// The answer to [`Deal`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Dealt {
    /// Members of each variation, in the experiment's order.
    pub members: Vec<(String, u64)>,
}

/// Asks what two arms of one size can see: how many members an effect needs, or which effect members show.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GetPower {
    /// The standard deviation of a member's value; of a share p, the root of p (1 - p).
    pub deviation: f64,
    /// A difference between the arms, in the value's unit.
    #[serde(default)]
    pub effect: Option<f64>,
    /// Members of each arm.
    #[serde(default)]
    pub members: Option<f64>,
    /// The chance to see what is there; .8 if absent.
    #[serde(default)]
    pub power: Option<f64>,
}

/// The answer to [`GetPower`], for one look at the plan's alpha.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Power {
    /// Members that each arm needs to see the effect.
    pub members_needed: Option<f64>,
    /// The least effect that so many members show.
    pub least_effect: Option<f64>,
    /// The chance that so many members show the effect.
    pub chance: Option<f64>,
}

impl Query for GetPower {
    const VERB: &'static str = "power.v1";
    type Reply = Power;
}
