//! Allocation against the cases of GrowthBook's SDK specification.

#![cfg(test)]

use serde_json::{Map, Value, json};
use troupe_judges::growthbook::{
    Assignments, Evaluation, Experiment, ExperimentResult, Features, StickyDocument, batch, bucket_ranges,
    choose, condition, conflicts, equal_weights, hash, in_namespace, merge_query, query_override, validate,
};

const CASES: &str = include_str!("../../tests/vectors/growthbook_sdk_cases.json");

fn cases(section: &str, least: usize) -> Vec<Value> {
    let cases: Value = serde_json::from_str(CASES).unwrap();
    let found = cases[section].as_array().unwrap().clone();
    assert!(found.len() >= least, "{section} has {}", found.len());
    found
}

fn map(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn ranges(value: &Value) -> Vec<(f64, f64)> {
    serde_json::from_value(value.clone()).unwrap()
}

#[track_caller]
fn none_failed(failed: &[String]) {
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn hashes_ranges_and_choices_agree_to_the_last_digit() {
    for case in cases("hash", 10) {
        let version = case[2].as_i64().unwrap();
        assert_eq!(
            hash(case[0].as_str().unwrap(), case[1].as_str().unwrap(), version),
            case[3].as_f64(),
            "{case}"
        );
    }
    for case in cases("getBucketRange", 9) {
        let weights: Option<Vec<f64>> = serde_json::from_value(case[1][2].clone()).unwrap();
        let variations = usize::try_from(case[1][0].as_u64().unwrap()).unwrap();
        let found = bucket_ranges(variations, case[1][1].as_f64().unwrap(), weights.as_deref());
        let expected = ranges(&case[2]);
        let close = |(a, b): (&(f64, f64), &(f64, f64))| (a.0 - b.0).abs() < 1e-9 && (a.1 - b.1).abs() < 1e-9;
        assert!(found.len() == expected.len() && found.iter().zip(&expected).all(close), "{case}: {found:?}");
    }
    for case in cases("chooseVariation", 9) {
        let expected = usize::try_from(case[3].as_i64().unwrap()).ok();
        assert_eq!(choose(case[1].as_f64().unwrap(), &ranges(&case[2])), expected, "{case}");
    }
    for case in cases("inNamespace", 11) {
        let (id, from, to) = serde_json::from_value::<(String, f64, f64)>(case[2].clone()).unwrap();
        assert_eq!(in_namespace(case[1].as_str().unwrap(), (&id, from, to)), case[3] == true, "{case}");
    }
    for case in cases("getEqualWeights", 4) {
        let variations = usize::try_from(case[0].as_i64().unwrap()).unwrap_or(0);
        let expected: Vec<f64> = serde_json::from_value(case[1].clone()).unwrap();
        let found = equal_weights(variations);
        assert!(
            found.len() == expected.len() && found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-8)
        );
    }
    for case in cases("getQueryStringOverride", 11) {
        let variations = usize::try_from(case[3].as_u64().unwrap()).unwrap();
        let found = query_override(case[1].as_str().unwrap(), case[2].as_str().unwrap(), variations);
        assert_eq!(found, case[4].as_u64().and_then(|n| usize::try_from(n).ok()), "{case}");
    }
}

#[test]
fn every_condition_fits_whom_it_should() {
    let mut failed = Vec::new();
    for case in cases("evalCondition", 160) {
        let saved = case.get(4).map(map);
        let found = condition::fits(&map(&case[2]), &case[1], saved.as_ref());
        if found != (case[3] == true) {
            failed.push(format!("{found}: {case}"));
        }
    }
    none_failed(&failed);
}

fn written(result: &ExperimentResult<'_>, attributes: &Map<String, Value>) -> Value {
    // Clients hand the attribute back as it came.
    let raw = attributes.get(result.hash_attribute).filter(|_| !result.hash_value.is_empty());
    let mut written = json!({
        "variationId": result.variation,
        "inExperiment": result.in_experiment,
        "hashUsed": result.hash_used,
        "hashAttribute": result.hash_attribute,
        "hashValue": raw.cloned().unwrap_or_else(|| json!("")),
        "value": result.value,
        "key": result.key,
        "stickyBucketUsed": result.sticky_used,
    });
    if let Some(bucket) = result.bucket {
        written["bucket"] = json!(bucket);
    }
    if let Some(name) = result.name {
        written["name"] = json!(name);
    }
    if let Some(leaf) = &result.leaf {
        (written["leafId"], written["variationWeights"]) = (json!(leaf.id), json!(leaf.weights));
        if let Some(version) = leaf.version {
            written["banditVersion"] = json!(version);
        }
    }
    if result.passthrough {
        written["passthrough"] = json!(true);
    }
    written
}

/// Whether `found` has everything that `expected` says; numbers within what JSON rounds.
fn holds(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            expected.iter().all(|(key, value)| holds(found.get(key).unwrap_or(&Value::Null), value))
        }
        (Value::Array(found), Value::Array(expected)) => {
            found.len() == expected.len()
                && found.iter().zip(expected).all(|(found, expected)| holds(found, expected))
        }
        (Value::Number(a), Value::Number(b)) => (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-9,
        (found, expected) => found == expected,
    }
}

struct Scene {
    features: Features,
    attributes: Map<String, Value>,
    forced: Map<String, Value>,
    context: Value,
}

impl Scene {
    fn new(context: &Value) -> Self {
        let saved = context.get("savedGroups").map(map);
        Self {
            features: Features::read(&map(&context["features"]), saved.as_ref())
                .with_bandits(&map(&context["contextualBandits"])),
            attributes: map(&context["attributes"]),
            forced: map(&context["forcedVariations"]),
            context: context.clone(),
        }
    }

    fn evaluation(&self) -> Evaluation<'_> {
        Evaluation {
            forced: Some(&self.forced),
            url: self.context["url"].as_str().unwrap_or_default(),
            enabled: self.context["enabled"] != false,
            qa: self.context["qaMode"] == true,
            ..Evaluation::new(&self.features, &self.attributes)
        }
    }
}

#[test]
fn every_feature_is_what_the_clients_say() {
    let mut failed = Vec::new();
    for case in [cases("feature", 37), cases("contextualBandit", 35)].concat() {
        let scene = Scene::new(&case[1]);
        let name = case[2].as_str().unwrap().to_owned();
        let found = scene.evaluation().feature(&name);
        let mut result = json!({
            "value": found.value, "on": found.is_on(), "off": !found.is_on(),
            "source": found.source.word(), "ruleId": found.rule_id,
        });
        if let Some((key, experiment)) = &found.experiment {
            result["experiment"] = json!({ "key": key });
            result["experimentResult"] = written(experiment, &scene.attributes);
            result["experimentResult"]["featureId"] = json!(name);
        }
        // Of the experiment its key is told; the rest is in the payload.
        let mut expected = case[3].clone();
        if let Some(experiment) = expected.get_mut("experiment") {
            *experiment = json!({ "key": experiment["key"] });
        }
        if !holds(&result, &expected) {
            failed.push(format!("{}: {result} for {expected}", case[0]));
        }
    }
    none_failed(&failed);
}

#[test]
fn every_experiment_puts_subjects_where_the_clients_do() {
    let mut failed = Vec::new();
    for case in cases("run", 49) {
        let scene = Scene::new(&case[1]);
        let mut experiment: Experiment = serde_json::from_value(case[2].clone()).unwrap();
        experiment.prepare();
        let found = scene.evaluation().run(&experiment);
        let result = json!([found.value, found.in_experiment, found.hash_used]);
        if result != json!([case[3], case[4], case[5]]) {
            failed.push(format!("{}: {result} for {} {} {}", case[0], case[3], case[4], case[5]));
        }
    }
    none_failed(&failed);
}

#[test]
fn subjects_stay_where_they_were_placed() {
    let mut failed = Vec::new();
    for case in cases("stickyBucket", 9) {
        let scene = Scene::new(&case[1]);
        let documents: Vec<StickyDocument> = serde_json::from_value(case[2].clone()).unwrap();
        let id =
            |document: &StickyDocument| format!("{}||{}", document.attribute_name, document.attribute_value);
        let mut known: Assignments =
            documents.into_iter().map(|document| (id(&document), document)).collect();
        let name = case[3].as_str().unwrap().to_owned();
        let (result, placed) = {
            let evaluation = Evaluation { sticky: Some(&known), ..scene.evaluation() };
            let found = evaluation.feature(&name);
            let result = found
                .experiment
                .as_ref()
                .map_or(Value::Null, |(_, result)| written(result, &scene.attributes));
            (result, found.experiment.and_then(|(_, result)| result.sticky))
        };
        known.extend(placed.map(|document| (id(&document), document)));
        let mut expected = case[4].clone();
        expected.as_object_mut().map(|expected| expected.remove("featureId"));
        let kept = json!(known);
        if !holds(&result, &expected) || !holds(&kept, &case[5]) {
            failed.push(format!("{}: {result} for {expected}; {kept} for {}", case[0], case[5]));
        }
    }
    none_failed(&failed);
}

#[test]
fn redirects_lead_where_the_clients_lead() {
    for case in cases("urlRedirect", 3) {
        let scene = Scene::new(&case[1]);
        let url = case[1]["url"].as_str().unwrap().to_owned();
        let experiments: Vec<Experiment> = serde_json::from_value(case[1]["experiments"].clone()).unwrap();
        let mut led = Vec::new();
        for mut experiment in experiments {
            experiment.prepare();
            let found = scene.evaluation().run(&experiment);
            if let Some(target) = found.value["urlRedirect"].as_str().filter(|_| found.in_experiment) {
                let with = if experiment.persist_query_string {
                    merge_query(&url, target)
                } else {
                    target.to_owned()
                };
                led.push(json!({ "inExperiment": true, "urlRedirect": target, "urlWithParams": with }));
            }
        }
        // Of several that would redirect, the first one does.
        assert_eq!(led.first(), case[2].get(0), "{case}");
    }
}

#[test]
fn what_clients_would_mend_is_refused_with_its_path() {
    let rule = |rule: Value| json!({ "defaultValue": 0, "rules": [rule] });
    for (definition, expected) in [
        (rule(json!({})), "rules[0].force"),
        (rule(json!({ "variations": [0, 1], "weights": [0.5, 0.6] })), "rules[0].weights"),
        (rule(json!({ "variations": [0, 1], "weights": [1.0] })), "rules[0].weights"),
        (rule(json!({ "variations": [0] })), "rules[0].variations"),
        (rule(json!({ "variations": [0, 1], "ranges": [[0, 0.6], [0.5, 1]] })), "rules[0].ranges"),
        (rule(json!({ "force": 1, "coverage": 2 })), "rules[0].coverage"),
        (rule(json!({ "force": 1, "hashVersion": 3 })), "rules[0].hashVersion"),
        (rule(json!({ "variations": [0, 1], "namespace": ["", 0, 1] })), "rules[0].namespace"),
        (rule(json!({ "force": 1, "condition": { "a": { "$near": 1 } } })), "rules[0].condition.a.$near"),
        (
            rule(json!({ "force": 1, "condition": { "$or": [{ "a": { "$regex": "(" } }] } })),
            "rules[0].condition.$or[0].a.$regex",
        ),
        (rule(json!({ "force": 1, "condition": { "a": { "$in": "b" } } })), "rules[0].condition.a.$in"),
        (
            rule(json!({ "force": 1, "parentConditions": [{ "condition": {} }] })),
            "rules[0].parentConditions[0].id",
        ),
    ] {
        assert_eq!(validate(&definition).unwrap_err().path, expected, "{definition}");
    }
    assert!(
        validate(&rule(json!({ "variations": [0, 1], "weights": [0.3, 0.7], "namespace": ["l", 0, 0.5] })))
            .is_ok()
    );
}

#[test]
fn experiments_of_one_layer_that_overlap_are_found() {
    let experiment = |key: &str, layer: &str, from: f64, to: f64| -> Experiment {
        serde_json::from_value(json!({ "key": key, "namespace": [layer, from, to] })).unwrap()
    };
    let found = conflicts(&[
        experiment("a", "home", 0.0, 0.5),
        experiment("b", "home", 0.5, 1.0),
        experiment("c", "home", 0.4, 0.6),
        experiment("d", "search", 0.0, 1.0),
    ]);
    let pairs: Vec<_> = found.iter().map(|c| (c.experiments.0.as_str(), c.experiments.1.as_str())).collect();
    assert_eq!(pairs, [("a", "c"), ("b", "c")]);
}

#[test]
fn a_batch_is_balanced_in_every_stratum_and_always_the_same() {
    let names: Vec<String> = (0..1_003).map(|n| format!("m{n}")).collect();
    let members: Vec<(&str, &str)> = names
        .iter()
        .enumerate()
        .map(|(at, name)| (name.as_str(), ["tv", "phone", "web"][at % 7 % 3]))
        .collect();
    let weights = [0.5, 0.3, 0.2];
    let allocated = batch::allocate(&members, &weights, "s");
    assert_eq!(allocated, batch::allocate(&members, &weights, "s"));
    assert_ne!(allocated, batch::allocate(&members, &weights, "t"));
    for stratum in ["tv", "phone", "web"] {
        let in_it = |variation: usize| {
            members
                .iter()
                .zip(&allocated)
                .filter(|((_, of), got)| *of == stratum && **got == variation)
                .count()
        };
        let size = members.iter().filter(|(_, of)| *of == stratum).count() as f64;
        for (variation, weight) in weights.iter().enumerate() {
            assert!((in_it(variation) as f64 - weight * size).abs() <= 1.0 + 1e-9, "{stratum} {variation}");
        }
    }
    assert_eq!([0, 10, 25].map(|now| batch::ramp(&[(10, 0.05), (20, 0.5)], now)), [0.0, 0.05, 0.5]);
}
