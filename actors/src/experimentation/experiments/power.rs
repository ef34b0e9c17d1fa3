//! Statistical power of an experiment of a given size.

use troupe_runtime::entity::Answer;
use troupe_runtime::{Context, Refused};
use troupe_statistics::analysis::{AnalysisError, power};

use super::messages::{GetPower, Power};
use super::state::Experiment;

/// Default of the wanted power.
const POWER: f64 = 0.8;

impl Answer<GetPower> for Experiment {
    fn answer(&self, ask: &GetPower, _ctx: &Context<'_>) -> Result<Power, Refused> {
        if ask.effect.is_none() && ask.members.is_none() {
            return Err(Refused::field(
                "BAD_POWER",
                "effect",
                "give an effect, members of each arm, or both",
            ));
        }
        self.power(ask).map_err(|error| match error {
            AnalysisError::Value { field, .. } => Refused::field("BAD_POWER", field, error.to_string()),
            error => Refused::new("BAD_POWER", error.to_string()),
        })
    }
}

impl Experiment {
    fn power(&self, ask: &GetPower) -> Result<Power, AnalysisError> {
        let (alpha, wanted) = (self.plan().alpha(), ask.power.unwrap_or(POWER));
        let needed = |effect| power::members_needed(effect, ask.deviation, alpha, wanted);
        let least = |members| power::least_effect(members, ask.deviation, alpha, wanted);
        let both = ask.members.zip(ask.effect);
        Ok(Power {
            members_needed: ask.effect.map(needed).transpose()?,
            least_effect: ask.members.map(least).transpose()?,
            chance: both.map(|(n, effect)| power::chance(n, effect, ask.deviation, alpha)).transpose()?,
        })
    }
}
