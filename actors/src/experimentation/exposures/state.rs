//! State and decisions of an exposure counter.

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_runtime::entity::Answer;
use troupe_runtime::{Address, Context, Decide, Decision, Entity, Refused, Timestamp};
use xxhash_rust::xxh3::xxh3_64;

use super::messages::{CountExposure, GetExposures};

/// Buckets of one variation.
pub const BUCKETS: u64 = 16;

/// One counter, keyed `EXPERIMENT:VARIATION:BUCKET`.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Exposures {
    count: u64,
    last: Option<Timestamp>,
}

/// An event of an exposure counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize)]
pub enum Event {
    /// A member entered the variation for the first time.
    Counted(Timestamp),
}

impl Exposures {
    /// The counter that a member's exposure to a variation goes to.
    #[must_use]
    pub fn address(experiment: &str, variation: &str, member: &str) -> Address {
        Self::bucket(experiment, variation, xxh3_64(member.as_bytes()) % BUCKETS)
    }

    /// Every counter of a variation; the sum of their counts is its exposures.
    #[must_use]
    pub fn all(experiment: &str, variation: &str) -> Vec<Address> {
        (0..BUCKETS).map(|bucket| Self::bucket(experiment, variation, bucket)).collect()
    }

    fn bucket(experiment: &str, variation: &str, bucket: u64) -> Address {
        Address::of::<Self>(format!("{experiment}:{variation}:{bucket}"))
    }
}

impl Entity for Exposures {
    const KIND: &'static str = "exposures";
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        let Event::Counted(at) = event;
        self.count += 1;
        self.last = self.last.max(Some(*at));
    }
}

impl Decide<CountExposure> for Exposures {
    fn decide(&self, ask: &CountExposure, _ctx: &Context<'_>) -> Decision<Self, CountExposure> {
        Decision::event(Event::Counted(ask.at)).reply(())
    }
}

impl Answer<GetExposures> for Exposures {
    fn answer(&self, _ask: &GetExposures, _ctx: &Context<'_>) -> Result<u64, Refused> {
        Ok(self.count)
    }
}
