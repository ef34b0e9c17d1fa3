//! Assigns a set of members to the variations, balanced within every stratum.

use troupe_flags::growthbook::batch;
use troupe_flags::growthbook::equal_weights;
use troupe_runtime::{Context, Decide, Decision, Refused};

use super::batch::Batch;
use super::messages::{Candidate, State, Stratified, Stratify};
use super::state::{Event, Experiment};

/// Upper bound on the members of one batch.
const MEMBERS_MAX: usize = 5_000;
/// Upper bound on the bytes of their ids: a batch is one log entry of the control group, and clients receive it
/// whole.
const BYTES_MAX: usize = 100 << 10;

impl Experiment {
    fn stratify(&self, ask: &Stratify) -> Result<Option<Batch>, Refused> {
        let Some(spec) = self.spec() else {
            return Err(Refused::new("UNDEFINED", "define the experiment first"));
        };
        if self.state == State::Running {
            return Err(Refused::new(
                "RUNNING",
                "members of a running experiment cannot be reassigned: stop it first",
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
        let member = |one: &Candidate| batch::Member { id: one.id.clone(), strata: one.strata.clone() };
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

impl Decide<Stratify> for Experiment {
    fn decide(&self, ask: &Stratify, _ctx: &Context<'_>) -> Decision<Self, Stratify> {
        let batch = match self.stratify(ask) {
            Ok(batch) => batch,
            Err(refused) => return Decision::refuse(refused),
        };
        let count = |place: usize| batch.as_ref().map_or(0, |batch| batch.of(place).count() as u64);
        let variations = self.spec().into_iter().flat_map(|spec| spec.variations.iter().enumerate());
        let members = variations.map(|(place, variation)| (variation.name.clone(), count(place))).collect();
        if self.later.0.batch.0 == batch {
            return Decision::unchanged().reply(Stratified { members });
        }
        Decision::event(Event::Stratified(batch)).reply(Stratified { members })
    }
}
