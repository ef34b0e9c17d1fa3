//! Counters of experiment exposures, a few for each variation so that none is hot. A member counts once.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::entity::Answer;
use troupe_runtime::{Address, Command, Context, Decide, Decision, Entity, Query, Refused, Timestamp};
use xxhash_rust::xxh3::xxh3_64;

/// Counters of one variation.
pub const BUCKETS: u64 = 16;

/// One counter.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Exposures {
    count: u64,
    last: Option<Timestamp>,
}

impl Exposures {
    /// The counter for a member in a variation.
    #[must_use]
    pub fn address(experiment: &str, variation: &str, member: &str) -> Address {
        Self::bucket(experiment, variation, xxh3_64(member.as_bytes()) % BUCKETS)
    }

    /// Every counter of a variation: their sum is its exposures.
    #[must_use]
    pub fn all(experiment: &str, variation: &str) -> Vec<Address> {
        (0..BUCKETS).map(|bucket| Self::bucket(experiment, variation, bucket)).collect()
    }

    fn bucket(experiment: &str, variation: &str, bucket: u64) -> Address {
        Address::of::<Self>(format!("{experiment}:{variation}:{bucket}"))
    }
}

/// Counts one; sent by a member, once in effect.
#[derive(Debug, Clone, Copy, Encode, Decode, Serialize, Deserialize)]
pub struct CountExposure {
    /// When.
    pub at: Timestamp,
}

impl Command for CountExposure {
    const VERB: &'static str = "count.v1";
    type Reply = ();
}

/// Asks for the count.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetExposures {}

impl Query for GetExposures {
    const VERB: &'static str = "get.v1";
    type Reply = u64;
}

impl Entity for Exposures {
    const KIND: &'static str = "exposures";
    type Event = Timestamp;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Timestamp) {
        self.count += 1;
        self.last = self.last.max(Some(*event));
    }
}

impl Decide<CountExposure> for Exposures {
    fn decide(&self, ask: &CountExposure, _ctx: &Context<'_>) -> Decision<Self, CountExposure> {
        Decision::event(ask.at).reply(())
    }
}

impl Answer<GetExposures> for Exposures {
    fn answer(&self, _ask: &GetExposures, _ctx: &Context<'_>) -> Result<u64, Refused> {
        Ok(self.count)
    }
}
