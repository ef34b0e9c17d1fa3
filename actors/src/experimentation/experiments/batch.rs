//! Members that are dealt out beforehand, and what a size of arms can see.

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_flags::growthbook::batch;
use troupe_flags::growthbook::equal_weights;
use troupe_runtime::entity::Answer;
use troupe_runtime::{Context, Decide, Decision, Refused};
use troupe_statistics::analysis::{AnalysisError, power};

use super::messages::{Deal, Dealt, GetPower, Power, State};
use super::state::{Event, Experiment};

/// Members of one batch.
const MEMBERS_MAX: usize = 5_000;
/// Bytes of their ids: a batch is one entry of the control group's log, and clients get it whole.
const BYTES_MAX: usize = 100 << 10;
const POWER: f64 = 0.8;

/// Who sees what of a set that was known beforehand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Batch {
    /// Members by their ids, each with the place of its variation.
    members: Vec<(String, u8)>,
}

impl Batch {
    /// How many members it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether it holds nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The place of a member's variation.
    #[must_use]
    pub fn place(&self, member: &str) -> Option<usize> {
        let at = self.members.binary_search_by(|(id, _)| id.as_str().cmp(member)).ok()?;
        self.members.get(at).map(|(_, place)| usize::from(*place))
    }

    /// The members of a variation.
    pub fn of(&self, place: usize) -> impl Iterator<Item = &str> {
        self.members.iter().filter(move |(_, at)| usize::from(*at) == place).map(|(id, _)| id.as_str())
    }
}

impl Experiment {
    fn deal(&self, ask: &Deal) -> Result<Option<Batch>, Refused> {
        let Some(spec) = self.spec() else {
            return Err(Refused::new("UNDEFINED", "define the experiment first"));
        };
        if self.state == State::Running {
            return Err(Refused::new(
                "RUNNING",
                "members of a running experiment cannot be dealt anew: stop it",
            ));
        }
        let bytes: usize = ask.members.iter().map(|member| member.id.len()).sum();
        if ask.members.len() > MEMBERS_MAX || bytes > BYTES_MAX {
            let why =
                format!("members must be at most {MEMBERS_MAX}, with ids of {BYTES_MAX} bytes together");
            return Err(Refused::field("TOO_MANY", "members", why));
        }
        if let Some(at) = ask.members.iter().position(|member| member.id.is_empty()) {
            return Err(Refused::field(
                "BAD_ID",
                format!("members[{at}].id"),
                "a member's id must not be empty",
            ));
        }
        let member =
            |one: &super::Candidate| batch::Member { id: one.id.clone(), strata: one.strata.clone() };
        let members: Vec<batch::Member> = ask.members.iter().map(member).collect();
        let equal = equal_weights(spec.variations.len());
        let weights = spec.weights.as_deref().unwrap_or(&equal);
        let places = batch::allocate(&members, weights, spec.seed.as_deref().unwrap_or(&self.key))
            .map_err(|refused| Refused::field("BAD_BATCH", refused.path.clone(), refused.to_string()))?;
        let place = |place: usize| u8::try_from(place).unwrap_or(u8::MAX);
        let mut members: Vec<(String, u8)> =
            members.into_iter().zip(places).map(|(member, at)| (member.id, place(at))).collect();
        members.sort();
        Ok(Some(Batch { members }).filter(|batch| !batch.is_empty()))
    }
}

impl Decide<Deal> for Experiment {
    fn decide(&self, ask: &Deal, _ctx: &Context<'_>) -> Decision<Self, Deal> {
        let batch = match self.deal(ask) {
            Ok(batch) => batch,
            Err(refused) => return Decision::refuse(refused),
        };
        let count = |place: usize| batch.as_ref().map_or(0, |batch| batch.of(place).count() as u64);
        let variations = self.spec().into_iter().flat_map(|spec| spec.variations.iter().enumerate());
        let members = variations.map(|(place, variation)| (variation.name.clone(), count(place))).collect();
        if self.later.0.batch.0 == batch {
            return Decision::unchanged().reply(Dealt { members });
        }
        Decision::event(Event::Dealt(batch)).reply(Dealt { members })
    }
}

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
