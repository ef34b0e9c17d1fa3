use std::collections::BTreeSet;

use troupe_runtime::entity::{Answer, Globals};
use troupe_runtime::{Context, Decide, Entity, Timestamp, wire};

use super::{BUCKETS, CountExposure, Event, Exposures, GetExposures};

#[test]
fn a_member_always_counts_in_the_same_bucket_of_its_variation() {
    let all: BTreeSet<String> = Exposures::all("movies", "a").into_iter().map(|to| to.key).collect();
    assert_eq!(all.len() as u64, BUCKETS);
    let used: BTreeSet<String> =
        (0..500).map(|member| Exposures::address("movies", "a", &member.to_string()).key).collect();
    assert_eq!(used, all);
    assert_eq!(Exposures::address("movies", "a", "42"), Exposures::address("movies", "a", "42"));
}

#[test]
fn a_counter_counts_every_exposure_it_receives() {
    let globals = Globals::default();
    let ctx = Context::at(Timestamp(9), "movies:a:0", &globals);
    let mut counter = Exposures::create("movies:a:0");
    for at in [5, 3] {
        let decision = counter.decide(&CountExposure { at: Timestamp(at) }, &ctx);
        let events = decision.events().to_vec();
        events.iter().for_each(|event| counter.apply(event));
    }
    assert_eq!(counter.answer(&GetExposures {}, &ctx), Ok(2));
}

#[test]
fn stored_events_keep_their_bytes() {
    assert_eq!(wire::encode(&Event::Counted(Timestamp(7))), [0, 7]);
}
