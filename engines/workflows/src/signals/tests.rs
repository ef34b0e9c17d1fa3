use serde_json::json;

use super::{Heard, Joins, raised, wanted};
use crate::Ordered;
use crate::definition::{SignalDependency, SignalOutput, SignalTrigger};
use crate::params::{Lookup, NoFacts, Scope, Value};

fn heard(seq: u64, params: serde_json::Value) -> Heard {
    Heard { seq, params: serde_json::from_value(params).unwrap() }
}

fn trigger(definitions: serde_json::Value) -> SignalTrigger {
    serde_json::from_value(json!({ "definitions": definitions })).unwrap()
}

#[test]
fn one_signal_starts_once_for_each_raise_that_matches() {
    let trigger = trigger(json!({ "drift": { "match_params": {
        "model": { "value": "recommend", "operator": "=" }, "level": { "value": 3, "operator": ">=" } } } }));
    let mut joins = Joins::default();
    for (signal, seq, params, starts) in [
        ("drift", 1, json!({ "model": "recommend", "level": 3 }), true),
        ("drift", 1, json!({ "model": "recommend", "level": 3 }), false),
        ("drift", 2, json!({ "model": "other", "level": 9 }), false),
        ("drift", 3, json!({ "model": "recommend", "level": 2 }), false),
        ("drift", 4, json!({ "model": "recommend" }), false),
        ("other", 5, json!({ "model": "recommend", "level": 9 }), false),
        ("drift", 6, json!({ "model": "recommend", "level": 10 }), true),
    ] {
        let started = joins.hear(&trigger, signal, heard(seq, params.clone()));
        assert_eq!(started.is_some(), starts, "{signal} {seq} {params}");
        assert!(started.is_none_or(|started| started.key() == format!("drift/{seq}")));
    }
    assert_eq!(joins.waiting(), 0);
}

#[test]
fn signals_are_joined_by_their_keys_and_used_up() {
    let trigger =
        trigger(json!({ "a": { "join_keys": ["day", "by"] }, "b": { "join_keys": ["date", "user"] } }));
    let mut joins = Joins::default();
    assert_eq!(joins.hear(&trigger, "a", heard(1, json!({ "day": 1, "by": "x" }))), None);
    assert_eq!(joins.hear(&trigger, "a", heard(2, json!({ "day": 1, "by": "x", "n": 2 }))), None);
    assert_eq!(joins.hear(&trigger, "a", heard(3, json!({ "day": 2, "by": "x" }))), None);
    assert_eq!(joins.hear(&trigger, "b", heard(1, json!({ "date": 1, "user": "y" }))), None);
    assert_eq!(joins.hear(&trigger, "b", heard(2, json!({ "date": 1 }))), None, "a key is missing");
    let bytes = rmp_serde::to_vec_named(&joins).unwrap();
    let mut joins: Joins = rmp_serde::from_slice(&bytes).unwrap();
    let first = joins.hear(&trigger, "b", heard(3, json!({ "date": 1, "user": "x" }))).unwrap();
    assert_eq!(first.key(), "a/1,b/3");
    let second = joins.hear(&trigger, "b", heard(4, json!({ "date": 1, "user": "x" }))).unwrap();
    assert_eq!((second.key(), second.param("a", "n")), ("a/2,b/4".to_owned(), Some(&Value::Long(2))));
    assert_eq!(joins.hear(&trigger, "b", heard(5, json!({ "date": 1, "user": "x" }))), None);
    assert_eq!(joins.waiting(), 3);
}

/// Raises in any order: each is consumed at most once, and all possible joins happen.
#[test]
fn every_raise_is_used_at_most_once() {
    use rand::{Rng, SeedableRng};
    let trigger = trigger(json!({ "a": { "join_keys": ["k"] }, "b": { "join_keys": ["k"] } }));
    for seed in 0..200 {
        let mut rng = rand::rngs::SmallRng::seed_from_u64(seed);
        let mut joins = Joins::default();
        let mut used = std::collections::HashSet::new();
        let mut raised = [[0_u64; 3]; 2];
        let mut started = 0;
        for seq in 1..100 {
            let (signal, key) = (rng.random_range(0..2_usize), rng.random_range(0..3_usize));
            raised[signal][key] += 1;
            let one = heard(seq, json!({ "k": key }));
            if let Some(start) = joins.hear(&trigger, ["a", "b"][signal], one) {
                started += 1;
                for (name, heard) in &start.signals {
                    assert!(used.insert((name.clone(), heard.seq)), "seed {seed}");
                }
            }
        }
        let expected: u64 = (0..3).map(|key| raised[0][key].min(raised[1][key])).sum();
        assert_eq!(started, expected, "seed {seed}");
    }
}

#[test]
fn what_waits_too_long_is_forgotten() {
    let trigger = trigger(json!({ "a": {}, "b": {} }));
    let mut joins = Joins::default();
    for seq in 1..3000 {
        joins.hear(&trigger, "a", heard(seq, json!({})));
    }
    assert_eq!(joins.waiting(), 1000);
}

#[test]
fn a_steps_signals_have_their_parameters_filled_in() {
    let layer =
        Ordered::from([("day".to_owned(), Value::from("20260131")), ("n".to_owned(), Value::Long(2))]);
    let layers: [&dyn Lookup; 1] = [&layer];
    let facts = NoFacts::default();
    let scope = Scope::new(&layers, &facts);
    let dependency: SignalDependency =
        serde_json::from_value(json!({ "name": "table/${day}", "match_params": {
        "date": { "param": { "value": "${day}", "type": "STRING" }, "operator": "=" },
        "rows": { "param": { "expression": "n * 5", "type": "LONG" }, "operator": ">" } } }))
        .unwrap();
    let wanted = wanted(&dependency, &scope).unwrap();
    let carried =
        |rows: i64| Ordered::from([("date".to_owned(), "20260131".into()), ("rows".to_owned(), rows.into())]);
    assert!(wanted.matches("table/20260131", &carried(11)));
    assert!(!wanted.matches("table/20260131", &carried(10)));
    assert!(!wanted.matches("table/20260201", &carried(11)));
    assert!(!wanted.matches("table/20260131", &Ordered::new()));
    let output: SignalOutput = serde_json::from_value(json!({ "name": "done", "params": {
        "n": { "expression": "n + 1", "type": "LONG" } }, "payload": { "list": { "value": ["$day"], "type": "STRING_ARRAY" } } }))
    .unwrap();
    let raised = raised(&output, &scope).unwrap();
    assert_eq!((raised.name.as_str(), &raised.params["n"]), ("done", &Value::Long(3)));
    assert_eq!(raised.payload["list"], Value::StringArray(vec!["20260131".into()]));
}
