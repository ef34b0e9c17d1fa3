//! Layers, holdouts, batches, growing coverage and inactive experiments.
#![cfg(test)]

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use troupe_flags::growthbook::batch::{Member, allocate};
use troupe_flags::growthbook::layers::{Conflict, Holdout, Meeting, conflicts, free_part};
use troupe_flags::growthbook::wire::{ExperimentDefinition, FeatureDefinition, RuleDefinition};
use troupe_flags::growthbook::{Context, Dialect, Features, Payload};

fn experiment(key: &str, namespace: Option<(&str, f64, f64)>) -> ExperimentDefinition {
    ExperimentDefinition {
        key: key.to_owned(),
        variations: vec![json!(0), json!(1)],
        hash_version: Some(2),
        namespace: namespace.map(|(name, from, to)| (name.to_owned(), from, to)),
        ..ExperimentDefinition::default()
    }
}

/// The variation of each of a thousand members, `None` where it is not in.
fn variations(experiment: &ExperimentDefinition) -> Vec<Option<usize>> {
    let payload = Payload { experiments: vec![experiment.clone()], ..Payload::default() };
    let features = Features::lenient_from(payload, Dialect::Python4).unwrap();
    let member = |i: usize| {
        let subject: Map<String, Value> =
            serde_json::from_value(json!({"id": format!("member-{i}")})).unwrap();
        let found = features.run(&features.experiments()[0], &Context::new(&subject), &mut ());
        found.in_experiment.then_some(found.variation_id)
    };
    (0..1_000).map(member).collect()
}

#[test]
fn parts_that_overlap_are_conflicts_and_parts_that_touch_are_not() {
    let mut stopped = experiment("stopped", Some(("area", 0.0, 1.0)));
    stopped.status = Some("stopped".into());
    let mut killed = experiment("killed", Some(("area", 0.0, 1.0)));
    killed.active = Some(false);
    let mut device = experiment("device", Some(("other", 0.5, 0.6)));
    device.hash_attribute = Some("device".into());
    let given = [
        experiment("a", Some(("area", 0.4, 0.8))),
        experiment("b", Some(("area", 0.0, 0.4))),
        experiment("c", Some(("area", 0.3, 0.5))),
        experiment("d", Some(("other", 0.0, 0.2))),
        experiment("e", None),
        stopped,
        killed,
        device,
    ];
    let expected = [
        ("area", (1, 2), Meeting::Overlap((0.3, 0.4))),
        ("area", (2, 0), Meeting::Overlap((0.4, 0.5))),
        ("other", (7, 3), Meeting::Attributes("device".into(), "id".into())),
    ];
    let expected = expected.map(|(namespace, pair, why)| Conflict { namespace: namespace.into(), pair, why });
    assert_eq!(conflicts(&given), expected);
    // The report matches the allocation: no member is in both of two experiments without a conflict.
    let [a, b, c] = [0, 1, 2].map(|i| variations(&given[i]));
    let both = |x: &[Option<usize>], y: &[Option<usize>]| {
        x.iter().zip(y).filter(|(x, y)| x.is_some() && y.is_some()).count()
    };
    assert_eq!(both(&a, &b), 0);
    assert!(both(&b, &c) > 0 && both(&a, &c) > 0);
}

#[test]
fn a_free_part_conflicts_with_no_experiment() {
    let mut given =
        vec![experiment("a", Some(("area", 0.0, 0.2))), experiment("b", Some(("area", 0.3, 0.9)))];
    assert_eq!(free_part("area", 0.1, &given), Some((0.2, 0.3)));
    assert_eq!(free_part("area", 0.11, &given), None);
    assert_eq!(free_part("elsewhere", 1.0, &given), Some((0.0, 1.0)));
    assert_eq!(free_part("area", 0.0, &given), None);
    assert_eq!(free_part("area", f64::NAN, &given), None);
    let (from, to) = free_part("area", 0.05, &given).unwrap();
    given.push(experiment("c", Some(("area", from, to))));
    assert_eq!(conflicts(&given), []);
}

#[test]
fn a_held_out_subject_sees_no_guarded_experiment() {
    let holdout = Holdout { name: "year".into(), share: 0.1, hash_attribute: "id".into() };
    let rule = RuleDefinition {
        variations: Some(vec![json!("old"), json!("new")]),
        parent_conditions: Some(vec![holdout.guard()]),
        ..RuleDefinition::default()
    };
    let feature = FeatureDefinition { default_value: json!("old"), rules: Some(vec![rule]) };
    let features =
        BTreeMap::from([(holdout.key(), holdout.feature().unwrap()), ("artwork".to_owned(), feature)]);
    let json = serde_json::to_string(&Payload { features, ..Payload::default() }).unwrap();
    let features = Features::compile(&json, Dialect::Python4).unwrap();
    let mut groups: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for i in 0..5_000 {
        let subject: Map<String, Value> = serde_json::from_value(json!({"id": i.to_string()})).unwrap();
        let context = Context::new(&subject);
        let group = features.evaluate(&holdout.key(), &context, &mut ()).value.as_str().unwrap().to_owned();
        let seen = features.evaluate("artwork", &context, &mut ()).assigned.is_some();
        let entry = groups.entry(group).or_default();
        entry.0 += 1;
        entry.1 += usize::from(seen);
    }
    let inside = |group: &str| groups[group];
    assert_eq!(inside("control").1, 0);
    assert_eq!(inside("treatment").0, inside("treatment").1);
    assert_eq!(inside("everyone").0, inside("everyone").1);
    for group in ["control", "treatment"] {
        assert!((400..600).contains(&inside(group).0), "{group} has {}", inside(group).0);
    }
    for share in [0.0, 0.6, f64::NAN] {
        assert!(Holdout { share, ..holdout.clone() }.feature().is_err());
    }
}

fn members(n: usize) -> Vec<Member> {
    let stratum = |i: usize| vec![["DE", "FR", "US"][i * i % 3].to_owned(), format!("device{}", i % 7)];
    (0..n).map(|i| Member { id: format!("m{i}"), strata: stratum(i) }).collect()
}

#[test]
fn batches_balance_every_stratum_and_the_whole() {
    let members = members(1_003);
    let weights = [0.5, 0.3, 0.2];
    let given = allocate(&members, &weights, "artwork").unwrap();
    let mut strata: BTreeMap<&[String], [f64; 3]> = BTreeMap::new();
    let mut whole = [0.0; 3];
    for (member, arm) in members.iter().zip(&given) {
        strata.entry(&member.strata).or_default()[*arm] += 1.0;
        whole[*arm] += 1.0;
    }
    assert!(strata.len() > 10);
    for (stratum, counts) in &strata {
        let n: f64 = counts.iter().sum();
        for (count, weight) in counts.iter().zip(weights) {
            assert!((count - n * weight).abs() < 1.0, "{stratum:?} {counts:?}");
        }
    }
    for (count, weight) in whole.iter().zip(weights) {
        assert!((count - 1_003.0 * weight).abs() < 2.0, "{whole:?}");
    }
}

#[test]
fn batches_depend_on_the_seed_and_not_on_the_order_of_members() {
    let forwards = members(500);
    let backwards: Vec<Member> = forwards.iter().rev().cloned().collect();
    let given = allocate(&forwards, &[0.5, 0.5], "one").unwrap();
    let mut again = allocate(&backwards, &[0.5, 0.5], "one").unwrap();
    again.reverse();
    assert_eq!(given, again);
    let other = allocate(&forwards, &[0.5, 0.5], "two").unwrap();
    let same = given.iter().zip(&other).filter(|(a, b)| a == b).count();
    assert!((200..300).contains(&same), "{same} of 500 are the same under another seed");
}

#[test]
fn batches_with_a_member_twice_or_weights_that_do_not_fit_are_refused() {
    let mut twice = members(10);
    twice.push(twice[3].clone());
    assert_eq!(allocate(&twice, &[0.5, 0.5], "s").unwrap_err().path, "members");
    for weights in [&[][..], &[0.5], &[2.0, -1.0], &[f64::NAN]] {
        assert_eq!(allocate(&members(10), weights, "s").unwrap_err().path, "weights");
    }
    assert_eq!(allocate(&[], &[1.0], "s"), Ok(vec![]));
}

#[test]
fn growing_coverage_only_adds_subjects_and_changes_no_variation() {
    let mut running = experiment("e", None);
    let mut before = vec![None; 1_000];
    for coverage in [0.0, 0.1, 0.3, 0.625, 1.0] {
        running.coverage = Some(coverage);
        let after = variations(&running);
        assert!(before.iter().zip(&after).all(|(before, after)| before.is_none() || before == after));
        let inside = after.iter().flatten().count();
        assert!(inside > before.iter().flatten().count() || coverage == 0.0, "{coverage}");
        before = after;
    }
    assert_eq!(before.iter().flatten().count(), 1_000);
}

#[test]
fn an_inactive_experiment_includes_no_subject_and_a_reactivated_one_the_same_as_before() {
    let mut running = experiment("e", None);
    let before = variations(&running);
    running.active = Some(false);
    assert!(variations(&running).iter().all(Option::is_none));
    running.active = Some(true);
    assert_eq!(variations(&running), before);
}
