//! Behaviour that Unleash's client specification leaves open.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its cases is to fail")]

use serde_json::{Value, json};
use troupe_flags::unleash::{Context, Delta, Features, Toggles};

fn one(feature: Value) -> Value {
    json!({"features": [feature]})
}

fn constrained(constraint: &Value) -> Value {
    one(
        json!({"name": "f", "enabled": true, "strategies": [{"name": "default", "constraints": [constraint]}]}),
    )
}

fn with(strategy: &Value) -> Value {
    one(json!({"name": "f", "enabled": true, "strategies": [strategy]}))
}

fn varied(variants: &Value) -> Value {
    one(json!({"name": "f", "enabled": true, "variants": variants}))
}

/// A field of a constraint, and a constraint in which clients cannot parse it.
fn unreadable_constraints() -> Vec<(&'static str, Value)> {
    let valued = |operator: &str, value: &str| {
        ("value", json!({"contextName": "n", "operator": operator, "value": value}))
    };
    vec![
        valued("NUM_GT", ".5"),
        valued("NUM_GT", ""),
        valued("DATE_AFTER", "2026-01-29"),
        valued("DATE_AFTER", "2026-02-30T00:00:00Z"),
        valued("DATE_AFTER", "2026-01-29T00:00:00.1Z"),
        valued("SEMVER_EQ", "1.2"),
        valued("REGEX", "(?=a)"),
        valued("REGEX", "a\\\\"),
        ("value", json!({"contextName": "n", "operator": "NUM_GT"})),
        ("values", json!({"contextName": "n", "operator": "STR_CONTAINS", "values": []})),
        ("values", json!({"contextName": "n", "operator": "IN_CIDR"})),
        ("values", json!({"contextName": "n", "operator": "IN", "values": ["a\\"]})),
        ("contextName", json!({"contextName": "a\"b", "operator": "IN", "values": ["a"]})),
    ]
}

/// A path, and a payload with a value there that clients cannot parse.
fn unreadable_payloads() -> Vec<(&'static str, Value)> {
    let flexible = |parameters: Value| with(&json!({"name": "flexibleRollout", "parameters": parameters}));
    let users = json!({"name": "userWithId", "parameters": {"userIds": "a\\, b"}});
    let (a, empty) = (json!({"name": "a", "weight": 1}), json!({"id": 1, "constraints": []}));
    let feature = json!({"name": "f", "enabled": true});
    let heavy = json!({"name": "b", "weight": i32::MAX});
    vec![
        ("features[0].strategies[0].parameters.rollout", flexible(json!({"rollout": "101"}))),
        ("features[0].strategies[0].parameters.rollout", flexible(json!({"rollout": "12.5"}))),
        ("features[0].strategies[0].parameters.groupId", flexible(json!({"rollout": "1", "groupId": "\""}))),
        ("features[0].strategies[0].parameters.userIds", with(&users)),
        ("features[0].strategies[0].segments[0]", with(&json!({"name": "default", "segments": [7]}))),
        ("features[0].variants", varied(&json!([{"name": "a", "weight": 0}]))),
        ("features[0].variants[0].weight", varied(&json!([{"name": "a", "weight": -1}]))),
        ("features[0].variants[1].weight", varied(&json!([a, heavy]))),
        ("features[0].variants[1].name", varied(&json!([a, a]))),
        ("features[1].name", json!({"features": [feature, feature]})),
        ("segments[1].id", json!({"features": [], "segments": [empty, empty]})),
        ("features", json!({"features": vec![feature; 5_001]})),
    ]
}

/// On most of these, UnleashClient 6.9 silently turns the feature off, or its engine panics. For a duplicate name it takes
/// the last one.
#[test]
fn what_clients_could_not_read_is_refused_with_its_path() {
    let constraints = unreadable_constraints().into_iter().map(|(field, constraint)| {
        (format!("features[0].strategies[0].constraints[0].{field}"), constrained(&constraint))
    });
    let payloads = unreadable_payloads().into_iter().map(|(path, payload)| (path.to_owned(), payload));
    for (path, payload) in constraints.chain(payloads) {
        let features: Features = serde_json::from_value(payload).unwrap();
        let refused = Toggles::compile(&features).err().unwrap_or_else(|| panic!("{path} was taken"));
        assert_eq!(refused.path, path, "{refused}");
        assert!(!refused.fix.is_empty() && refused.got.len() < 100, "{refused}");
    }
}

#[test]
fn an_unknown_operator_holds_its_feature_off_and_says_so() {
    let features = json!({"features": [
        {"name": "on", "enabled": true},
        {"name": "off", "enabled": true, "strategies": [
            {"name": "default"},
            {"name": "default", "constraints": [{"contextName": "n", "operator": "ALMOST", "value": "1", "inverted": true}]},
        ]},
    ]});
    let toggles = Toggles::compile(&serde_json::from_value(features).unwrap()).unwrap();
    assert_eq!(toggles.held_off().collect::<Vec<_>>(), [("off", "features[1].strategies[1]")]);
    assert!(toggles.is_enabled("on", &Context::default()) && !toggles.is_enabled("off", &Context::default()));
}

#[test]
fn chance_comes_from_the_caller_in_the_shares_that_are_asked_for() {
    let feature = json!({"features": [
        {"name": "random", "enabled": true, "strategies": [{"name": "gradualRolloutRandom", "parameters": {"percentage": "30"}}],
         "variants": [{"name": "a", "weight": 1}, {"name": "b", "weight": 3}]},
        {"name": "flexible", "enabled": true, "strategies": [{"name": "flexibleRollout",
         "parameters": {"rollout": "30", "stickiness": "random", "groupId": "g"}, "variants": [{"name": "a", "weight": 1}, {"name": "b", "weight": 3}]}]},
    ]});
    let toggles = Toggles::compile(&serde_json::from_value(feature).unwrap()).unwrap();
    for name in ["random", "flexible"] {
        let questions = 20_000_u64;
        let shown = |draw| toggles.variant(name, &Context { draw, ..Context::default() });
        let all: Vec<_> = (0..questions).map(shown).filter(|variant| variant.feature_enabled).collect();
        let first = all.iter().filter(|variant| variant.name == "a").count();
        // Five standard deviations of a binomial count, plus the percent of error of a hash of 9999 identifiers.
        let (on, a) = (all.len() as f64 / questions as f64, first as f64 / all.len() as f64);
        assert!((on - 0.30).abs() < 0.027, "{name} is on for {on}");
        assert!((a - 0.25).abs() < 0.035, "{name} shows the first variant to {a} of those");
        assert_eq!(shown(7), shown(7), "{name} is not decided by the number alone");
    }
}

#[test]
fn times_of_a_context_are_read_as_the_engine_reads_them() {
    let after = constrained(
        &json!({"contextName": "currentTime", "operator": "DATE_AFTER", "value": "2022-01-01T00:00:00Z"}),
    );
    let toggles = Toggles::compile(&serde_json::from_value(after).unwrap()).unwrap();
    for (time, want) in [
        ("2023-01-29t13:00:00z", true),
        ("2023-01-29 13:00:00 UTC", true),
        ("2023-1-9T3:00:00Z", true),
        ("2023-01-29T13:0:0+0200", true),
        ("2023-01-29T13:00:00 +02:00", true),
        ("2023-01-29T13:00:00.1234567891Z", true),
        ("2023-01-29T23:59:60Z", true),
        ("2023-01-29T13:00:00\u{2212}02:00", true),
        (" 2023-01-29T13 :00: 00Z ", true),
        ("2022-01-01T00:00:00.000000001Z", true),
        ("2022-01-01T01:00:00+01:00", false),
        ("2023-01-29T13:00:00", false),
        ("2023-01-29", false),
        ("2023-01-29T13:00Z", false),
        ("2023-01-29T13:00:00+02", false),
        ("2023-01-29T13:00:00.Z", false),
        ("2023-01-29T13:00:00,5Z", false),
        ("2023-01-29T24:00:00Z", false),
        ("12023-01-29T13:00:00Z", false),
        ("2023-01-29T13:00:00+99:00", false),
        ("2023-01-29T13:00:00+02:60", false),
        ("2023-01-29T13:00:00GMT", false),
        ("2023-02-30T13:00:00Z", false),
        ("1690000000", false),
        ("", false),
        ("é", false),
    ] {
        let context = Context { current_time: Some(time.to_owned()), ..Context::default() };
        assert_eq!(toggles.is_enabled("f", &context), want, "{time:?}");
    }
}

#[test]
fn a_delta_leads_from_one_state_to_the_next() {
    let old: Features = serde_json::from_value(json!({"features": [
        {"name": "stays", "enabled": true}, {"name": "goes", "enabled": true, "project": "p"}, {"name": "turns", "enabled": true},
    ], "segments": [{"id": 1, "constraints": []}, {"id": 2, "constraints": []}]})).unwrap();
    let new: Features = serde_json::from_value(json!({"features": [
        {"name": "comes", "enabled": true}, {"name": "stays", "enabled": true}, {"name": "turns", "enabled": false},
    ], "segments": [{"id": 2, "name": "now", "constraints": []}, {"id": 3, "constraints": []}]})).unwrap();
    let wire = json!({"events": [
        {"type": "segment-updated", "eventId": 41, "segment": new.segments[0]},
        {"type": "segment-updated", "eventId": 42, "segment": new.segments[1]},
        {"type": "feature-updated", "eventId": 43, "feature": new.features[0]},
        {"type": "feature-updated", "eventId": 44, "feature": new.features[2]},
        {"type": "feature-removed", "eventId": 45, "featureName": "goes", "project": "p"},
        {"type": "segment-removed", "eventId": 46, "segmentId": 1},
    ]});
    let delta: Delta = serde_json::from_value(wire.clone()).unwrap();
    assert_eq!(serde_json::to_value(&delta).unwrap(), wire);
    assert_eq!(old.after(&delta), new);
    let hydration = json!({"events": [
        {"type": "hydration", "eventId": 1, "features": new.features, "segments": new.segments},
    ]});
    let hydration: Delta = serde_json::from_value(hydration).unwrap();
    assert_eq!(Features::default().after(&hydration), new);
}
