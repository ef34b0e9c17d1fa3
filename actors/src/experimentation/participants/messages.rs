//! Messages of a participant.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Timestamp, command, query};

/// The member was shown a variation.
#[command("expose.v1", reply = Exposed, repeatable)]
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
    /// Whether this is the member's first exposure to the experiment, so that it counts from now on. `false` for a
    /// forced member.
    pub first: bool,
}

/// An event of a type that running experiments measure. The member sends it as an effect, so it counts once.
#[command("measure.v1")]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// Type of the event: `rating`, `play`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Value of the event.
    #[serde(default)]
    pub value: Option<f32>,
    /// Event time.
    pub at: Timestamp,
}

/// Change of the sums over an arm's members when one member's totals change. `x` is the metric or the numerator of a
/// ratio, `z` the denominator, `y` the covariate: the same metric before the exposure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Change {
    /// Change of the sum of `x`.
    pub x: f64,
    /// Change of the sum of `x` squared.
    pub xx: f64,
    /// Change of the sum of `z`.
    pub z: f64,
    /// Change of the sum of `z` squared.
    pub zz: f64,
    /// Change of the sum of `x` times `z`.
    pub xz: f64,
    /// Change of the sum of `y`.
    pub y: f64,
    /// Change of the sum of `y` squared.
    pub yy: f64,
    /// Change of the sum of `x` times `y`.
    pub xy: f64,
}

/// A member's totals in one experiment.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Stake {
    /// The experiment.
    pub experiment: String,
    /// The experiment's definition, by revision.
    pub revision: u64,
    /// The variation.
    pub variation: String,
    /// Time of the first exposure.
    pub since: Timestamp,
    /// Whether the member saw another variation too; it then counts in neither.
    pub mixed: bool,
    /// For each metric, in the experiment's order: total, denominator, covariate.
    pub totals: Vec<(f64, f64, f64)>,
}

/// Reads the whole state.
#[query("get.v1", reply = ParticipantView)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetParticipant {}

/// The answer to [`GetParticipant`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct ParticipantView {
    /// Oldest first.
    pub stakes: Vec<Stake>,
    /// For each type of event: type, count, sum of the values.
    pub before: Vec<(String, f64, f64)>,
}
