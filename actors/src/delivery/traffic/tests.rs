use std::collections::BTreeMap;
use std::sync::Arc;

use troupe_runtime::entity::Globals;
use troupe_runtime::{Address, Command, Context, Decide, Entity, Timestamp, wire};

use super::{GiveBack, Role, SetTraffic, Split, Traffic, TrafficSet, WHOLE};
use crate::models::{self, Lineage, Model, Publish, Stage};
use crate::stored::NamedFields;
use troupe_lake::Sha256;

fn split(weight: u32, baseline: bool) -> Split {
    Split { production: 1, canary: 2, weight, baseline, salt: "d:1".into(), ..Split::default() }
}

fn set(by: &str, split: Split) -> SetTraffic {
    SetTraffic { by: by.into(), split: NamedFields(split), owner: None, id: String::new() }
}

/// A champion, a candidate, and a version that was archived.
pub(crate) fn globals() -> Globals {
    let mut model = Model::create("recommend");
    for version in 1..=3 {
        let published = Publish {
            algorithm: "ease".into(),
            artifact: Sha256([version; 32]),
            vocabulary: Sha256([9; 32]),
            items: 4,
            metrics: BTreeMap::new(),
            lineage: Lineage::default(),
        };
        let version = u32::from(version);
        model.apply(&models::Event::Published { version, published, at: Timestamp(1) });
    }
    model.apply(&models::Event::Promoted { version: 1, to: Stage::Champion });
    model.apply(&models::Event::Promoted { version: 3, to: Stage::Archived });
    let globals = Globals::default();
    globals.publish(vec![(Model::KIND, "recommend".to_owned(), Arc::new(model))]);
    globals
}

fn tell<C: Command>(traffic: &mut Traffic, command: &C) -> Result<Vec<TrafficSet>, String>
where
    Traffic: Decide<C>,
{
    let globals = globals();
    let decision = traffic.decide(command, &Context::at(Timestamp(7), "recommend", &globals));
    decision.outcome().map_err(|refused| refused.code.clone())?;
    let replies = decision.effects().iter().map(|effect| wire::decode(&effect.body).unwrap()).collect();
    for event in decision.events() {
        *traffic = wire::decode(&wire::encode(traffic)).unwrap();
        traffic.apply(&wire::decode(&wire::encode(event)).unwrap());
    }
    Ok(replies)
}

#[test]
fn roles_are_as_large_as_their_weights_and_baseline_and_canary_alike() {
    let members: Vec<String> = (0..40_000).map(|member| member.to_string()).collect();
    for (weight, baseline) in
        [(0, true), (1, true), (500, true), (2_500, false), (5_000, true), (WHOLE, false)]
    {
        let split = split(weight, baseline);
        let mut counts = BTreeMap::from([(Role::Production, 0_u32), (Role::Baseline, 0), (Role::Canary, 0)]);
        for member in &members {
            *counts.get_mut(&split.role(member)).unwrap() += 1;
        }
        for (role, count) in counts {
            let expected = f64::from(split.share(role)) * 4.0;
            let off = (f64::from(count) - expected).abs();
            assert!(off <= 5.0 * expected.sqrt().max(1.0), "{role:?} at {weight}: {count} for {expected}");
            assert!(count == 0 || split.share(role) > 0, "{role:?} has no share and {count} members");
        }
    }
}

#[test]
fn members_stay_in_canary_and_baseline_while_weights_only_grow() {
    let steps =
        [split(1, true), split(500, true), split(2_500, true), split(5_000, true), split(WHOLE, false)];
    for member in (0..5_000).map(|member| member.to_string()) {
        for pair in steps.windows(2) {
            let (before, after) = (pair[0].role(&member), pair[1].role(&member));
            let stays = before == after || before == Role::Production || !pair[1].baseline;
            assert!(stays, "{member}: {before:?} became {after:?}");
            assert!(before != Role::Canary || after == Role::Canary, "{member} left the canary");
        }
    }
    let others = Split { salt: "d:2".into(), ..split(500, true) };
    let both = |split: &Split, member: &String| split.role(member) == Role::Canary;
    let twice = (0..20_000).map(|member| member.to_string());
    let twice = twice.filter(|member| both(&steps[1], member) && both(&others, member)).count();
    assert!(twice < 120, "the next delivery tries on other members: {twice}");
}

#[test]
fn a_split_is_held_until_it_is_given_back() {
    let mut traffic = Traffic::default();
    tell(&mut traffic, &set("d:1", split(500, true))).unwrap();
    assert_eq!(traffic.split(), Some(&split(500, true)));
    assert_eq!(tell(&mut traffic, &set("d:2", split(9, true))).unwrap_err(), "HELD");
    tell(&mut traffic, &set("d:1", split(2_500, false))).unwrap();
    let back = |by: &str, keep| GiveBack { by: by.into(), keep, why: "it failed".into() };
    tell(&mut traffic, &back("d:2", false)).unwrap();
    assert!(traffic.split().is_some(), "only the holder can give it back");
    tell(&mut traffic, &back("d:1", true)).unwrap();
    assert_eq!((traffic.split().map(|split| split.weight), traffic.by()), (Some(2_500), None));
    tell(&mut traffic, &set("d:2", split(100, true))).unwrap();
    tell(&mut traffic, &back("d:2", false)).unwrap();
    let revision = traffic.revision();
    tell(&mut traffic, &back("d:2", false)).unwrap();
    assert_eq!((traffic.split(), traffic.by(), traffic.revision()), (None, None, revision));
    for _ in 0..99 {
        tell(&mut traffic, &set("d:3", split(100, true))).unwrap();
        tell(&mut traffic, &back("d:3", false)).unwrap();
    }
    assert_eq!(traffic.changes(), super::state::CHANGES_MAX);
}

#[test]
fn an_invalid_split_is_refused_with_its_field_or_answered_to_its_owner() {
    let owner = Address::parse_parts("deployments", "d:1").unwrap();
    for (split, code) in [
        (split(10_001, false), "BAD_SPLIT"),
        (split(5_001, true), "BAD_SPLIT"),
        (Split { canary: 1, ..split(1, false) }, "BAD_SPLIT"),
        (Split { canary: 0, ..split(1, false) }, "BAD_SPLIT"),
        (Split { canary: 3, ..split(1, false) }, "ARCHIVED"),
        (Split { canary: 9, ..split(1, false) }, "NO_VERSION"),
    ] {
        let mut traffic = Traffic::default();
        assert_eq!(tell(&mut traffic, &set("d:1", split.clone())).unwrap_err(), code, "{split:?}");
        let asked = SetTraffic { owner: Some(owner.clone()), id: "1".into(), ..set("d:1", split) };
        let replies = tell(&mut traffic, &asked).unwrap();
        assert!(replies[0].refused.as_ref().is_some_and(|why| why.starts_with(code)), "{replies:?}");
        assert_eq!(traffic.revision(), 0);
    }
    let mut traffic = Traffic::default();
    let champion = Split { production: 0, ..split(500, true) };
    let asked = SetTraffic { owner: Some(owner), id: "1".into(), ..set("d:1", champion) };
    for _ in 0..2 {
        let replies = tell(&mut traffic, &asked).unwrap();
        let set = TrafficSet { id: "1".into(), split: NamedFields(Some(split(500, true))), refused: None };
        assert_eq!(replies, [set], "the champion is production");
    }
    assert_eq!(traffic.revision(), 1, "a repetition changes nothing, and is answered");
}

fn waits(by: &str, split: Split) -> SetTraffic {
    let owner = Address::parse_parts("deployments", by).ok();
    SetTraffic { owner, id: format!("{by}?"), ..set(by, split) }
}

fn back(by: &str) -> GiveBack {
    GiveBack { by: by.into(), keep: false, why: String::new() }
}

/// The id of each answered request, and whether the answer has a split.
fn answers(replies: &[TrafficSet]) -> Vec<(&str, bool)> {
    replies.iter().map(|set| (set.id.as_str(), set.split.0.is_some())).collect()
}

#[test]
fn a_waiting_delivery_is_answered_at_its_turn_and_keeps_its_place_when_it_asks_again() {
    let mut traffic = Traffic::default();
    tell(&mut traffic, &set("a", split(500, true))).unwrap();
    for by in ["b", "c", "d", "b", "c"] {
        let replies = tell(&mut traffic, &waits(by, split(100, true))).unwrap();
        assert!(
            replies[0].refused.as_ref().is_some_and(|why| why.starts_with("HELD: a holds")),
            "{replies:?}"
        );
    }
    // A second request replaces the split of the first one.
    tell(&mut traffic, &waits("b", split(200, true))).unwrap();
    assert_eq!((traffic.waiting(), traffic.revision()), (vec!["b", "c", "d"], 1));
    assert_eq!(tell(&mut traffic, &set("e", split(1, true))).unwrap_err(), "HELD", "a person does not wait");
    tell(&mut traffic, &back("c")).unwrap();
    let replies = tell(&mut traffic, &back("a")).unwrap();
    assert_eq!(answers(&replies), [("b?", true)]);
    assert_eq!((traffic.by(), traffic.split().map(|split| split.weight)), (Some("b"), Some(200)));
    assert_eq!(traffic.waiting(), ["d"]);
    assert_eq!(answers(&tell(&mut traffic, &back("b")).unwrap()), [("d?", true)]);
    assert!(tell(&mut traffic, &back("d")).unwrap().is_empty());
    assert_eq!((traffic.by(), traffic.split(), traffic.waiting().len()), (None, None, 0));
}

#[test]
fn a_waiting_delivery_without_its_version_is_refused_at_its_turn_and_the_next_one_gets_it() {
    let mut traffic = Traffic::default();
    tell(&mut traffic, &set("a", split(500, true))).unwrap();
    tell(&mut traffic, &waits("archived", Split { canary: 3, ..split(1, true) })).unwrap();
    tell(&mut traffic, &waits("missing", Split { canary: 9, ..split(1, true) })).unwrap();
    tell(&mut traffic, &waits("good", split(1, true))).unwrap();
    let replies = tell(&mut traffic, &back("a")).unwrap();
    assert_eq!(answers(&replies), [("archived?", false), ("missing?", false), ("good?", true)]);
    assert_eq!((traffic.by(), traffic.waiting().len()), (Some("good"), 0));
}

#[test]
fn the_queue_is_bounded_and_a_delivery_beyond_it_is_answered_and_asks_again() {
    let mut traffic = Traffic::default();
    tell(&mut traffic, &set("a", split(500, true))).unwrap();
    for at in 0..300 {
        let replies = tell(&mut traffic, &waits(&format!("d:{at}"), split(1, true))).unwrap();
        assert!(replies[0].refused.is_some());
    }
    assert_eq!(traffic.waiting().len(), super::queue::WAITING_MAX);
    tell(&mut traffic, &back("d:0")).unwrap();
    tell(&mut traffic, &waits("d:299", split(1, true))).unwrap();
    assert_eq!(traffic.waiting().last(), Some(&"d:299"));
}

#[test]
fn the_traffic_of_builds_without_a_queue_is_read() {
    #[derive(bincode::Encode)]
    struct Then {
        revision: u64,
        by: Option<String>,
        split: NamedFields<Option<Split>>,
        changes: NamedFields<Vec<super::Change>>,
    }
    let (by, split) = (Some("d:1".to_owned()), split(500, true));
    let then =
        Then { revision: 4, by, split: NamedFields(Some(split.clone())), changes: NamedFields(Vec::new()) };
    let read: Traffic = wire::decode(&wire::encode(&then)).unwrap();
    assert_eq!((read.by(), read.split(), read.revision()), (Some("d:1"), Some(&split), 4));
    assert_eq!(wire::encode(&read), wire::encode(&then), "with an empty queue the bytes are the same");
}
