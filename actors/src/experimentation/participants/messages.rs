//! What a participant can be told and asked.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Command, Query, Timestamp};

/// The member was shown a variation.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expose {
    /// The experiment.
    pub experiment: String,
    /// The variation.
    pub variation: String,
}

/// The answer to [`Expose`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Exposed {
    /// Whether the member had not been in the experiment before, and counts in it from now on. A member who is forced
    /// does not.
    pub first: bool,
}

impl Command for Expose {
    const VERB: &'static str = "expose.v1";
    type Reply = Exposed;
    const REPEATABLE: bool = true;
}

/// An event of the member for which experiments wait; its member tells it, once in effect.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// What happened: `rating`, `play`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How much of it.
    #[serde(default)]
    pub value: Option<f32>,
    /// When.
    pub at: Timestamp,
}

impl Command for Measure {
    const VERB: &'static str = "measure.v1";
    type Reply = ();
}

/// How the sums over an arm's members change when one member's totals do: `x` is the metric, or the numerator of a
/// ratio; `z` its denominator; `y` the covariate, the same metric before the exposure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Change {
    /// Of the sum of `x`.
    pub x: f64,
    /// Of the sum of its squares.
    pub xx: f64,
    /// Of the sum of `z`.
    pub z: f64,
    /// Of the sum of its squares.
    pub zz: f64,
    /// Of the sum of `x` times `z`.
    pub xz: f64,
    /// Of the sum of `y`.
    pub y: f64,
    /// Of the sum of its squares.
    pub yy: f64,
    /// Of the sum of `x` times `y`.
    pub xy: f64,
}

/// What a member brings to one experiment.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Stake {
    /// The experiment.
    pub experiment: String,
    /// Which definition of it.
    pub revision: u64,
    /// The variation.
    pub variation: String,
    /// When the member was first shown it.
    pub since: Timestamp,
    /// Whether it was shown another one, too: then it counts in neither.
    pub mixed: bool,
    /// For each metric, in the experiment's order: the total, the denominator's, and the covariate.
    pub totals: Vec<(f64, f64, f64)>,
}

/// Asks for everything.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetParticipant {}

/// The answer to [`GetParticipant`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct ParticipantView {
    /// Oldest first.
    pub stakes: Vec<Stake>,
    /// By type of event: how many there were, and the sum of their values.
    pub before: Vec<(String, f64, f64)>,
}

impl Query for GetParticipant {
    const VERB: &'static str = "get.v1";
    type Reply = ParticipantView;
}
