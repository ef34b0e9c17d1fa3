//! Payloads that a service refuses and clients coerce, and the limits of evaluation.
#![cfg(test)]

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use troupe_flags::growthbook::wire::Track;
use troupe_flags::growthbook::{
    Assigned, Condition, Context, Dialect, Experiment, Features, ForcedCells, Observer, Payload, Source,
    decrypt, js_string, validate,
};

fn attributes(json: Value) -> Map<String, Value> {
    serde_json::from_value(json).unwrap()
}

fn lenient(payload: &Value) -> Features {
    Features::lenient(&payload.to_string(), Dialect::Python4).unwrap()
}

fn with_rule(rule: Value) -> Value {
    json!({"features": {"f": {"defaultValue": 0, "rules": [rule]}}})
}

#[test]
fn what_clients_bend_is_refused_with_its_path() {
    let two = |more: Value| {
        let mut rule = json!({"variations": [0, 1]});
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        rule
    };
    for (rule, path) in [
        (two(json!({"weights": [0.5, 0.4]})), "weights"),
        (two(json!({"weights": [1.2, -0.2]})), "weights"),
        (two(json!({"weights": [1.0]})), "weights"),
        (two(json!({"ranges": [[0, 0.6], [0.5, 1]]})), "ranges"),
        (two(json!({"ranges": [[0, 0.6], [0.6, 1.1]]})), "ranges"),
        (two(json!({"ranges": [[0, 0.6]]})), "ranges"),
        (two(json!({"coverage": 1.5})), "coverage"),
        (two(json!({"hashVersion": 3})), "hashVersion"),
        (two(json!({"namespace": ["layer", 0.5, 0.2]})), "namespace"),
        (two(json!({"meta": [{"key": "a"}]})), "meta"),
        (two(json!({"minBucketVersion": 2, "bucketVersion": 1})), "minBucketVersion"),
        (two(json!({"filters": [{"seed": "s", "hashVersion": 9, "ranges": []}]})), "filters[0].hashVersion"),
        (two(json!({"contextualBanditRef": "missing"})), "contextualBanditRef"),
        (json!({"variations": [0]}), "variations"),
        (json!({"force": 1, "coverage": -0.1}), "coverage"),
        (json!({"force": 1, "range": [0.2, 2]}), "range"),
        (json!({"force": 1, "condition": {"a": {"$regx": "b"}}}), "condition.a.$regx"),
        (json!({"force": 1, "condition": {"a": {"$regex": "(?=b)"}}}), "condition.a.$regex"),
        (json!({"force": 1, "condition": {"$or": [{}, {"a": {"$in": 3}}]}}), "condition.$or[1].a.$in"),
        (json!({"force": 1, "condition": {"a": {"$inGroup": "none"}}}), "condition.a.$inGroup"),
        (json!({"force": 1, "condition": {"a": {"$gt": null}}}), "condition.a.$gt"),
        (json!({"force": 1, "condition": {"a": {"$type": "text"}}}), "condition.a.$type"),
        (json!({"force": 1, "condition": {"a": {"$size": "2"}}}), "condition.a.$size"),
        (json!({"force": 1, "condition": {"$where": "a"}}), "condition.$where"),
        (two(json!({"filters": [{"seed": "s", "ranges": [[0.5, 1.5]]}]})), "filters[0].ranges"),
        (json!({"force": 1, "parentConditions": [{"id": "none"}]}), "parentConditions[0]"),
    ] {
        let payload = with_rule(rule.clone()).to_string();
        let refused = Features::compile(&payload, Dialect::Python4).unwrap_err();
        let expected = format!("features.f.rules[0].{path}");
        assert_eq!(refused.path, expected, "{rule} {refused}");
        assert!(!refused.fix.is_empty() && !refused.found.is_empty());
        assert!(Features::lenient(&payload, Dialect::Python4).is_ok(), "{rule}");
    }
}

#[test]
fn a_sound_payload_has_no_problems() {
    let payload = json!({
        "features": {
            "parent": {"defaultValue": true},
            "child": {"defaultValue": 0, "rules": [
                {"parentConditions": [{"id": "parent", "condition": {"value": true}, "gate": true}]},
                {"condition": {"id": {"$inGroup": "g"}, "v": {"$vgte": "1.2.0"}}, "force": 3, "coverage": 0.5},
                {"variations": [1, 2], "weights": [0.25, 0.75], "ranges": [[0, 0.25], [0.25, 1]], "hashVersion": 2},
            ]},
        },
        "savedGroups": {"g": ["a", "b"]},
    });
    let payload: Payload = serde_json::from_value(payload).unwrap();
    assert_eq!(validate(payload, Dialect::Python4), []);
}

#[test]
fn every_problem_is_reported_and_a_wrong_type_with_its_path() {
    let payload = json!({"features": {"f": {"rules": [
        {"force": 1, "coverage": 7},
        {"force": 1, "condition": {"a": {"$huh": 1}, "b": {"$hm": 2}}},
    ]}}});
    let problems = validate(serde_json::from_value(payload).unwrap(), Dialect::Python4);
    let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
    let expected = ["rules[0].coverage", "rules[1].condition.a.$huh", "rules[1].condition.b.$hm"];
    assert_eq!(paths, expected.map(|path| format!("features.f.{path}")));
    let typed = Payload::parse(r#"{"features": {"f": {"rules": [{"coverage": "all"}]}}}"#).unwrap_err();
    assert_eq!(typed.path, "features.f.rules[0].coverage");
}

#[test]
fn circles_are_refused_and_evaluate_to_nothing() {
    let asks = |id: &str| json!({"defaultValue": 1, "rules": [{"parentConditions": [{"id": id}]}]});
    let payload =
        json!({"features": {"a": asks("b"), "b": asks("c"), "c": asks("a"), "d": asks("e"), "e": {}}});
    let refused = Features::compile(&payload.to_string(), Dialect::Python4).unwrap_err();
    assert_eq!(refused.path, "features.c");
    let features = lenient(&payload);
    let nobody = Map::new();
    for (key, source) in [("a", Source::CyclicPrerequisite), ("d", Source::DefaultValue)] {
        assert_eq!(features.evaluate(key, &Context::new(&nobody), &mut ()).source, source, "{key}");
    }
}

#[test]
fn chains_and_fans_of_prerequisites_are_bounded() {
    let fan = |n: usize, width: usize| {
        let features = (0..n).map(|i| {
            let parents: Vec<Value> =
                vec![json!({"id": format!("f{}", i + 1)}); if i + 1 < n { width } else { 0 }];
            (format!("f{i}"), json!({"defaultValue": i, "rules": [{"parentConditions": parents}]}))
        });
        json!({"features": features.collect::<Map<String, Value>>()})
    };
    for (payload, source) in [
        (fan(50, 1), Source::DefaultValue),
        (fan(500, 1), Source::CyclicPrerequisite),
        (fan(10, 2), Source::DefaultValue),
        // Without sharing, this is 2^50 evaluations.
        (fan(50, 2), Source::CyclicPrerequisite),
    ] {
        let nobody = Map::new();
        let features = lenient(&payload);
        assert_eq!(features.evaluate("f0", &Context::new(&nobody), &mut ()).source, source);
    }
}

#[test]
fn saved_groups_that_multiply_are_refused() {
    let group = |i: usize| {
        let twice = json!({"$savedGroup": {"id": format!("g{}", i + 1)}});
        json!({"type": "condition", "condition": {"$and": [twice.clone(), twice]}})
    };
    let mut payload = with_rule(json!({"force": 1, "condition": {"$savedGroup": {"id": "g0"}}}));
    payload["savedGroups"] = (0..28).map(|i| (format!("g{i}"), group(i))).collect::<Map<_, _>>().into();
    let refused = Features::lenient(&payload.to_string(), Dialect::Python4).unwrap_err();
    assert!(refused.found.contains("too large"), "{refused}");
}

#[test]
fn an_unknown_operator_or_a_mistake_does_not_hold_when_negated() {
    let groups = BTreeMap::new();
    let a = attributes(json!({"a": 1}));
    for (condition, python, javascript) in [
        (json!({"$not": {"a": {"$huh": 1}}}), false, true),
        (json!({"a": {"$not": {"$huh": 1}}}), false, true),
        (json!({"$not": {"$or": 3}}), false, false),
        (json!({"$not": {"a": 2}}), true, true),
        (json!({"$or": [{"a": {"$huh": 1}}, {"a": 1}]}), true, true),
    ] {
        for (dialect, expected) in [(Dialect::Python4, python), (Dialect::Spec08, javascript)] {
            let compiled = Condition::lenient(&condition, &groups, dialect).unwrap();
            assert_eq!(compiled.holds(&a), expected, "{condition} {dialect:?}");
        }
    }
}

#[test]
fn numbers_are_written_as_javascript_writes_them() {
    for (x, expected) in [
        (0.1, "0.1"),
        (-0.0, "0"),
        (123.0, "123"),
        (1e21, "1e+21"),
        (123_456_789_012_345_680_000.0, "123456789012345680000"),
        (1.5e-7, "1.5e-7"),
        (0.000_001, "0.000001"),
        (-12.75, "-12.75"),
        (f64::NAN, "NaN"),
        (f64::NEG_INFINITY, "-Infinity"),
    ] {
        assert_eq!(js_string(x), expected);
    }
}

#[test]
fn pages_match_their_patterns() {
    let page = |kind: &str, pattern: &str, url: &str| {
        let target = json!([{"type": kind, "include": true, "pattern": pattern}]);
        let payload = json!({"experiments": [{"key": "e", "variations": [0, 1], "urlPatterns": target}]});
        let features = lenient(&payload);
        let subject = attributes(json!({"id": "1"}));
        let context = Context { url: Some(url), ..Context::new(&subject) };
        features.run(&features.experiments()[0], &context, &mut ()).in_experiment
    };
    for (kind, pattern, url, expected) in [
        ("simple", "/shop/*", "https://a.example/shop/hats?x=1", true),
        ("simple", "/shop/*", "https://a.example/cart", false),
        ("simple", "a.example/shop", "http://a.example/shop/", true),
        ("simple", "*.example/shop", "http://b.example/SHOP", true),
        ("simple", "/shop?color=red", "http://a.example/shop?size=3&color=red", true),
        ("simple", "/shop?color=red", "http://a.example/shop?color=blue", false),
        ("simple", "/shop#top", "http://a.example/shop#bottom", false),
        ("simple", "/a*b*c", "http://a.example/a-b-b-c", true),
        ("simple", "/a*b*c", "http://a.example/a-c-b", false),
        ("regex", "^/shop/[0-9]+$", "http://a.example/shop/12", true),
        ("regex", "^/shop/[0-9]+$", "http://a.example/shop/x", false),
        ("glob", "/shop", "http://a.example/shop", false),
    ] {
        assert_eq!(page(kind, pattern, url), expected, "{kind} {pattern} {url}");
    }
}

#[test]
fn forced_cells_decide_before_the_hash_and_are_not_counted() {
    #[derive(Default)]
    struct Count(usize, usize);
    impl Observer for Count {
        fn exposed(&mut self, _: &Experiment, _: &Assigned<'_>) {
            self.0 += 1;
        }
        fn tracked(&mut self, _: &Track) {
            self.1 += 1;
        }
    }
    let payload = json!({"features": {
        "f": {"rules": [{"key": "e", "variations": [0, 1], "weights": [0, 1]}]},
        "t": {"rules": [{"force": 1, "tracks": [{"experiment": {"key": "e"}, "result": {}}]}]},
    }});
    let features = lenient(&payload);
    let subject = attributes(json!({"id": 42}));
    let mut cells = ForcedCells::default();
    assert!(cells.force("e", "42", 0));
    let mut count = Count::default();
    let context = Context { forced_cells: Some(&cells), ..Context::new(&subject) };
    let forced = features.evaluate("f", &context, &mut count).assigned.unwrap();
    assert_eq!((forced.variation_id, forced.hash_used, forced.in_experiment), (0, false, true));
    assert_eq!(count.0, 0);
    let mut released = cells.clone();
    assert!(released.release("e", "42") && !released.release("e", "42"));
    let context = Context { forced_cells: Some(&released), ..Context::new(&subject) };
    let hashed = features.evaluate("f", &context, &mut count).assigned.unwrap();
    assert_eq!((hashed.variation_id, hashed.hash_used), (1, true));
    features.evaluate("t", &context, &mut count);
    assert_eq!((count.0, count.1), (1, 1));
}

#[test]
fn invalid_ciphertext_is_refused_without_a_panic() {
    for text in ["", ".", "AAAA", "AAAA.AAAA", "AAAAAAAAAAAAAAAAAAAAAA==.", "ä.ö"] {
        assert!(decrypt(text, "Zvwv/+uhpFDznZ6SX28Yjg==").is_err(), "{text}");
    }
}
