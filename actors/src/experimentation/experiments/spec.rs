//! What an experiment compares, and the rules for its names.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::Refused;

/// Upper bound on the arms of one experiment.
const VARIATIONS_MAX: usize = 16;
/// Upper bound on the bytes of a name of an experiment or variation, and of a seed.
pub(super) const NAME_BYTES_MAX: usize = 64;

/// One arm.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variation {
    /// The arm's name.
    pub name: String,
    /// The version of the experiment's model that serves this arm; default the champion.
    #[serde(default)]
    pub version: Option<u32>,
}

/// What an experiment compares.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExperimentSpec {
    /// The model's name.
    pub model: String,
    /// The arms.
    pub variations: Vec<Variation>,
    /// Weight of each arm; default equal.
    #[serde(default)]
    pub weights: Option<Vec<f64>>,
    /// The share of members that take part, 0 to 1; default 1.
    #[serde(default = "whole")]
    pub coverage: f64,
    /// Seed of the hash; default the experiment's key.
    #[serde(default)]
    pub seed: Option<String>,
    /// Version of GrowthBook's hash, 1 or 2; default 2.
    #[serde(default = "newest")]
    pub hash_version: u8,
}

const fn whole() -> f64 {
    1.0
}

const fn newest() -> u8 {
    2
}

impl ExperimentSpec {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field at fault.
    pub(super) fn check(&self) -> Result<(), Refused> {
        if self.variations.len() < 2 || self.variations.len() > VARIATIONS_MAX {
            let why = format!("variations must be 2 to {VARIATIONS_MAX}");
            return Err(Refused::field("BAD_VARIATIONS", "spec.variations", why));
        }
        for (at, variation) in self.variations.iter().enumerate() {
            let field = format!("spec.variations[{at}].name");
            if !is_name(&variation.name) {
                return Err(Refused::field("BAD_NAME", field, format!("a variation's name {}", name_rule())));
            }
            if self.variations[..at].iter().any(|other| other.name == variation.name) {
                return Err(Refused::field(
                    "BAD_NAME",
                    field,
                    format!("{:?} is listed twice", variation.name),
                ));
            }
        }
        if self.model.is_empty() || self.model.len() > NAME_BYTES_MAX {
            let why = format!("model must be 1 to {NAME_BYTES_MAX} bytes");
            return Err(Refused::field("BAD_NAME", "spec.model", why));
        }
        if self.seed.as_ref().is_some_and(|seed| seed.len() > NAME_BYTES_MAX) {
            let why = format!("seed must be at most {NAME_BYTES_MAX} bytes");
            return Err(Refused::field("TOO_LONG", "spec.seed", why));
        }
        if !(0.0..=1.0).contains(&self.coverage) {
            return Err(Refused::field("BAD_COVERAGE", "spec.coverage", "coverage must be 0 to 1"));
        }
        if let Some(weights) = &self.weights {
            let sum: f64 = weights.iter().sum();
            let sound = weights.len() == self.variations.len()
                && weights.iter().all(|weight| (0.0..=1.0).contains(weight))
                && (sum - 1.0).abs() <= 0.01;
            if !sound {
                let why = "give one weight for each variation, 0 to 1, with a sum of 1";
                return Err(Refused::field("BAD_WEIGHTS", "spec.weights", why));
            }
        }
        if !matches!(self.hash_version, 1 | 2) {
            return Err(Refused::field(
                "BAD_HASH_VERSION",
                "spec.hash_version",
                "hash_version must be 1 or 2",
            ));
        }
        Ok(())
    }
}

/// Whether a name is allowed. Names are parts of the keys of exposure counters, joined by a colon: without colons in
/// names, two pairs never share a key.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.chars().all(plain)
}

pub(super) fn name_rule() -> String {
    format!("must be 1 to {NAME_BYTES_MAX} bytes of letters, digits, spaces, _, - and .")
}
