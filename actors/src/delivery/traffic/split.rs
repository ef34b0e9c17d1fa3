//! The split: the role of each member.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::Refused;
use xxhash_rust::xxh3::xxh3_64;

/// The share of all members, in hundredths of a percent.
pub const WHOLE: u32 = 10_000;
/// Longest name of a holder, in bytes.
pub(super) const NAME_BYTES_MAX: usize = 128;

/// The role in which a version serves a member.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The version of all other members.
    Production,
    /// Production's version, beside the canary and of its size.
    Baseline,
    /// The candidate.
    Canary,
    /// An arm of a running experiment.
    Experiment,
}

impl Role {
    /// Its name in answers and in the names of series.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Baseline => "baseline",
            Self::Canary => "canary",
            Self::Experiment => "experiment",
        }
    }
}

/// The shares of production, canary and baseline.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Split {
    /// The version of production.
    pub production: u32,
    /// The version of the canary.
    pub canary: u32,
    /// The canary's share in hundredths of a percent.
    pub weight: u32,
    /// Whether a baseline of the same size stands beside it.
    pub baseline: bool,
    /// Whether canary and baseline take members out of running experiments.
    pub over_experiments: bool,
    /// Seed of the hash. It is constant within a delivery and differs between deliveries, so that not always the same
    /// members get the new version.
    pub salt: String,
}

impl Split {
    /// The role of a member. The canary takes members from one end of the hash's range and the baseline from the
    /// other, so both can grow without taking members from each other.
    #[must_use]
    pub fn role(&self, member: &str) -> Role {
        let mut bytes = Vec::with_capacity(self.salt.len() + member.len() + 1);
        bytes.extend_from_slice(self.salt.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(member.as_bytes());
        let place = u32::try_from(xxh3_64(&bytes) % u64::from(WHOLE)).unwrap_or(0);
        if place < self.weight {
            Role::Canary
        } else if self.baseline && place >= WHOLE.saturating_sub(self.weight) {
            Role::Baseline
        } else {
            Role::Production
        }
    }

    /// The version that serves in a role.
    #[must_use]
    pub const fn version(&self, role: Role) -> u32 {
        match role {
            Role::Canary => self.canary,
            Role::Production | Role::Baseline | Role::Experiment => self.production,
        }
    }

    /// The share of a role in hundredths of a percent.
    #[must_use]
    pub const fn share(&self, role: Role) -> u32 {
        let baseline = if self.baseline { self.weight } else { 0 };
        match role {
            Role::Canary => self.weight,
            Role::Baseline => baseline,
            Role::Production => WHOLE.saturating_sub(self.weight).saturating_sub(baseline),
            Role::Experiment => 0,
        }
    }

    pub(super) fn check(&self) -> Result<(), Refused> {
        let bad = |field: &str, why: &str| Err(Refused::field("BAD_SPLIT", format!("split.{field}"), why));
        if self.weight > WHOLE {
            return bad("weight", "a weight is in hundredths of a percent, 10000 at most");
        }
        if self.baseline && self.weight * 2 > WHOLE {
            return bad("weight", "a canary with a baseline of its size can have 5000, half of all, at most");
        }
        if self.canary == 0 {
            return bad("canary", "name the version of the canary, from 1");
        }
        if self.canary == self.production {
            return bad("canary", "the canary is production's version: there is nothing to try");
        }
        if self.salt.len() > NAME_BYTES_MAX {
            return bad("salt", "a salt must be at most 128 bytes");
        }
        Ok(())
    }
}
