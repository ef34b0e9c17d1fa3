//! The cases of GrowthBook's own clients, section by section.
#![cfg(test)]

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use troupe_judges::growthbook::{
    Assigned, Condition, Context, Dialect, Experiment, Features, Observer, Payload, StickyChange, StickyDoc,
    StickyDocs, bucket_ranges, choose_variation, decrypt, equal_weights, hash, in_namespace,
    query_string_override,
};

const CASES: &str = include_str!("../../tests/vectors/growthbook_sdk_cases.json");

/// The cases of one section; a section that lost cases fails.
fn cases(section: &str, least: usize) -> Vec<Vec<Value>> {
    let mut cases: Map<String, Value> = serde_json::from_str(CASES).unwrap();
    let cases: Vec<Vec<Value>> = serde_json::from_value(cases.remove(section).unwrap()).unwrap();
    assert!(cases.len() >= least, "{section} has {} cases", cases.len());
    cases
}

/// Asserts what holds for each case and names those that fail.
fn each(section: &str, least: usize, check: impl Fn(&[Value]) -> Result<(), String>) {
    let failing: Vec<String> = cases(section, least)
        .iter()
        .filter_map(|case| check(case).err().map(|why| format!("{}: {why}", case[0])))
        .collect();
    assert!(failing.is_empty(), "{section}: {} fail\n{}", failing.len(), failing.join("\n"));
}

fn same<T: PartialEq + std::fmt::Debug>(found: &T, expected: &T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("found {found:?}, expected {expected:?}")) }
}

/// JSON whose numbers are all floats, so that 1 equals 1.0.
fn floats(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64().unwrap()),
        Value::Array(items) => items.iter().map(floats).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), floats(value))).collect(),
        other => other.clone(),
    }
}

fn close(found: &[(f64, f64)], expected: &Value) -> Result<(), String> {
    let expected: Vec<(f64, f64)> = serde_json::from_value(expected.clone()).unwrap();
    let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
    let agree = found.len() == expected.len()
        && found.iter().zip(&expected).all(|(a, b)| near(a.0, b.0) && near(a.1, b.1));
    if agree { Ok(()) } else { Err(format!("found {found:?}, expected {expected:?}")) }
}

fn ranges(value: &Value) -> Vec<(f64, f64)> {
    serde_json::from_value(value.clone()).unwrap()
}

fn count(value: &Value) -> usize {
    usize::try_from(value.as_i64().unwrap().max(0)).unwrap()
}

/// The context of a case.
struct Given {
    features: Features,
    attributes: Map<String, Value>,
    url: Option<String>,
    forced: BTreeMap<String, i64>,
    enabled: bool,
    qa_mode: bool,
}

impl Given {
    fn new(context: &Value, experiment: Option<&Value>, dialect: Dialect) -> Given {
        let mut payload: Payload = serde_json::from_value(context.clone()).unwrap();
        payload.experiments.extend(experiment.map(|json| serde_json::from_value(json.clone()).unwrap()));
        Given {
            features: Features::lenient_from(payload, dialect).unwrap(),
            attributes: context.get("attributes").map_or(Map::new(), |a| a.as_object().unwrap().clone()),
            url: context.get("url").map(|url| url.as_str().unwrap().to_owned()),
            forced: context
                .get("forcedVariations")
                .map_or(BTreeMap::new(), |forced| serde_json::from_value(forced.clone()).unwrap()),
            enabled: context.get("enabled") != Some(&json!(false)),
            qa_mode: context.get("qaMode") == Some(&json!(true)),
        }
    }

    fn context(&self) -> Context<'_> {
        Context {
            url: self.url.as_deref(),
            forced_variations: Some(&self.forced),
            enabled: self.enabled,
            qa_mode: self.qa_mode,
            ..Context::new(&self.attributes)
        }
    }
}

#[test]
fn hashes_agree_to_the_last_digit() {
    for case in cases("hash", 10) {
        let version = u32::try_from(case[2].as_u64().unwrap()).unwrap();
        let found = hash(case[0].as_str().unwrap(), case[1].as_str().unwrap(), version);
        assert_eq!(found, case[3].as_f64(), "{case:?}");
    }
    assert_eq!(hash("seed", "value", 3), None);
}

#[test]
fn bucket_ranges_agree() {
    each("getBucketRange", 9, |case| {
        let weights: Option<Vec<f64>> = serde_json::from_value(case[1][2].clone()).unwrap();
        let coverage = case[1][1].as_f64().unwrap();
        close(&bucket_ranges(count(&case[1][0]), coverage, weights.as_deref()), &case[2])
    });
}

#[test]
fn chosen_variations_agree() {
    each("chooseVariation", 9, |case| {
        let found = choose_variation(case[1].as_f64().unwrap(), &ranges(&case[2]));
        same(&found, &usize::try_from(case[3].as_i64().unwrap()).ok())
    });
}

#[test]
fn query_string_overrides_agree() {
    each("getQueryStringOverride", 11, |case| {
        let (key, page) = (case[1].as_str().unwrap(), case[2].as_str().unwrap());
        same(&query_string_override(key, page, count(&case[3])), &case[4].as_u64().map(|n| n as usize))
    });
}

#[test]
fn namespaces_agree() {
    each("inNamespace", 11, |case| {
        let (name, from, to): (String, f64, f64) = serde_json::from_value(case[2].clone()).unwrap();
        same(&in_namespace(case[1].as_str().unwrap(), &name, (from, to)), &case[3].as_bool().unwrap())
    });
}

#[test]
fn equal_weights_agree() {
    for case in cases("getEqualWeights", 4) {
        let expected: Vec<f64> = serde_json::from_value(case[1].clone()).unwrap();
        let found = equal_weights(count(&case[0]));
        assert_eq!(found.len(), expected.len(), "{case:?}");
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-8), "{case:?}");
    }
}

fn condition_case(case: &[Value], dialect: Dialect) -> Result<(), String> {
    let groups: BTreeMap<String, Value> =
        case.get(4).map_or_else(BTreeMap::new, |groups| serde_json::from_value(groups.clone()).unwrap());
    let condition = Condition::lenient(&case[1], &groups, dialect).unwrap();
    same(&condition.holds(case[2].as_object().unwrap()), &case[3].as_bool().unwrap())
}

#[test]
fn conditions_agree() {
    each("evalCondition", 166, |case| condition_case(case, Dialect::Spec08));
}

#[test]
fn the_python_client_differs_in_the_two_cases_that_need_numbers_made_of_texts_and_nulls() {
    let differing: Vec<Value> = cases("evalCondition", 166)
        .into_iter()
        .filter(|case| condition_case(case, Dialect::Python4).is_err())
        .map(|case| case[0].clone())
        .collect();
    let expected = ["missing attribute with comparison operators", "comparing numbers and strings"];
    assert_eq!(differing, expected.map(Value::from));
}

/// A feature's result with its experiment, as the clients write it.
fn feature_result(given: &Given, key: &str) -> Value {
    let context = given.context();
    let result = given.features.evaluate(key, &context, &mut ());
    let mut found = serde_json::to_value(&result).unwrap();
    if let Some(experiment) = result.experiment {
        found["experiment"] = serde_json::to_value(experiment.definition()).unwrap();
        let assigned = result.assigned.as_ref().unwrap();
        if let Some(weights) = assigned.weights {
            found["experiment"]["weights"] = json!(weights);
        }
        if let Some(share) = assigned.bandit {
            let mut bandit = json!({"leafId": share.leaf, "variationWeights": share.weights});
            if let Some(version) = share.version {
                bandit["banditVersion"] = json!(version);
            }
            found["experiment"]["contextualBandit"] = bandit;
        }
    }
    floats(&found)
}

#[test]
fn features_agree() {
    for dialect in [Dialect::Spec08, Dialect::Python4] {
        each("feature", 37, |case| {
            let given = Given::new(&case[1], None, dialect);
            same(&feature_result(&given, case[2].as_str().unwrap()), &floats(&case[3]))
        });
    }
}

#[test]
fn contextual_bandits_agree() {
    for dialect in [Dialect::Spec08, Dialect::Python4] {
        each("contextualBandit", 35, |case| {
            let given = Given::new(&case[1], None, dialect);
            same(&feature_result(&given, case[2].as_str().unwrap()), &floats(&case[3]))
        });
    }
}

#[test]
fn experiments_agree() {
    for dialect in [Dialect::Spec08, Dialect::Python4] {
        each("run", 49, |case| {
            let given = Given::new(&case[1], Some(&case[2]), dialect);
            let experiment = &given.features.experiments()[0];
            let found = given.features.run(experiment, &given.context(), &mut ());
            let found = json!([found.value, found.in_experiment, found.hash_used]);
            same(&found, &json!([case[3], case[4], case[5]]))
        });
    }
}

/// Keeps what is to be kept.
#[derive(Default)]
struct Kept {
    changes: Vec<StickyChange>,
    exposures: usize,
}

impl Observer for Kept {
    fn exposed(&mut self, _: &Experiment, assigned: &Assigned<'_>) {
        assert!(assigned.hash_used && assigned.in_experiment);
        self.exposures += 1;
    }

    fn stuck(&mut self, change: StickyChange) {
        self.changes.push(change);
    }
}

#[test]
fn assignments_that_stick_agree() {
    for dialect in [Dialect::Spec08, Dialect::Python4] {
        each("stickyBucket", 9, |case| {
            let given = Given::new(&case[1], None, dialect);
            let stored: Vec<StickyDoc> = serde_json::from_value(case[2].clone()).unwrap();
            let mut docs = given.features.own_docs(&given.attributes, &StickyDocs::new(stored));
            let mut kept = Kept::default();
            let context = Context { sticky: Some(&docs), ..given.context() };
            let result = given.features.evaluate(case[3].as_str().unwrap(), &context, &mut kept);
            let found = serde_json::to_value(&result).unwrap();
            same(&kept.exposures, &usize::from(!case[4].is_null()))?;
            kept.changes.iter().for_each(|change| docs.apply(change));
            same(&floats(found.get("experimentResult").unwrap_or(&Value::Null)), &floats(&case[4]))?;
            same(&serde_json::to_value(&docs).unwrap(), &case[5])
        });
    }
}

#[test]
fn redirects_agree() {
    each("urlRedirect", 3, |case| {
        let given = Given::new(&case[1], None, Dialect::Spec08);
        let found: Vec<Value> = given
            .features
            .redirect(&given.context(), &mut ())
            .iter()
            .map(|redirect| {
                json!({
                    "inExperiment": redirect.assigned.in_experiment,
                    "urlRedirect": redirect.url,
                    "urlWithParams": redirect.url_with_params,
                })
            })
            .collect();
        same(&Value::from(found), &case[2])
    });
}

#[test]
fn payloads_are_decrypted_as_by_the_clients() {
    each("decrypt", 7, |case| {
        let found = decrypt(case[1].as_str().unwrap(), case[2].as_str().unwrap()).ok();
        same(&found.as_deref(), &case[3].as_str())
    });
}
