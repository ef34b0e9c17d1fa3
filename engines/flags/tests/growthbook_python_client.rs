//! Results of growthbook 4.0, the Python client, on random payloads and subjects.
#![cfg(test)]

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use troupe_flags::growthbook::{
    Condition, Context, Dialect, Features, Observer, Payload, StickyChange, StickyDoc, StickyDocs,
};

const ANSWERS: &str = include_str!("../../../tests/vectors/growthbook_python_answers.json");

#[derive(Default)]
struct NamedFields(Vec<StickyChange>);

impl Observer for NamedFields {
    fn stuck(&mut self, change: StickyChange) {
        self.0.push(change);
    }
}

fn floats(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::from(number.as_f64().unwrap()),
        Value::Array(items) => items.iter().map(floats).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), floats(value))).collect(),
        other => other.clone(),
    }
}

fn docs(case: &Value, field: &str) -> Option<StickyDocs> {
    let docs: BTreeMap<String, StickyDoc> = serde_json::from_value(case.get(field)?.clone()).unwrap();
    Some(StickyDocs::new(docs.into_values()))
}

/// The decision with the stored assignments, in the recorded format.
fn answer(case: &Value, groups: &Value) -> (Value, Option<StickyDocs>) {
    let mut payload: Payload =
        serde_json::from_value(serde_json::json!({"features": case["features"]})).unwrap();
    payload.saved_groups = serde_json::from_value(groups.clone()).unwrap();
    let features = Features::lenient_from(payload, Dialect::Python4).unwrap();
    let attributes: Map<String, Value> = serde_json::from_value(case["attributes"].clone()).unwrap();
    let forced: Option<BTreeMap<String, i64>> =
        case.get("forcedVariations").map(|forced| serde_json::from_value(forced.clone()).unwrap());
    let mut docs = docs(case, "docs");
    let context = Context {
        url: case.get("url").and_then(Value::as_str),
        forced_variations: forced.as_ref(),
        sticky: docs.as_ref(),
        qa_mode: case.get("qaMode").is_some(),
        ..Context::new(&attributes)
    };
    let mut kept = NamedFields::default();
    let mut found =
        serde_json::to_value(features.evaluate(case["key"].as_str().unwrap(), &context, &mut kept)).unwrap();
    let fields = found.as_object_mut().unwrap();
    fields.retain(|name, _| !matches!(name.as_str(), "on" | "off"));
    if let Some(docs) = &mut docs {
        kept.0.iter().for_each(|change| docs.apply(change));
    }
    (floats(&found), docs)
}

#[test]
fn the_python_client_decides_the_same() {
    let answers: Value = serde_json::from_str(ANSWERS).unwrap();
    let cases = answers["cases"].as_array().unwrap();
    assert!(cases.len() >= 150);
    let mut failing = Vec::new();
    for (i, case) in cases.iter().enumerate() {
        let (found, kept) = answer(case, &answers["savedGroups"]);
        let expected = (floats(&case["result"]), docs(case, "docsAfter"));
        if (found, kept) != expected {
            failing.push(i);
        }
    }
    let first = failing.first().map(|i| (answer(&cases[*i], &answers["savedGroups"]), &cases[*i]));
    assert!(failing.is_empty(), "{} of {} differ, first {first:#?}", failing.len(), cases.len());
}

#[test]
fn the_python_client_differs_in_the_two_cases_that_need_numbers_made_of_texts_and_nulls() {
    let cases: Value =
        serde_json::from_str(include_str!("../../../tests/vectors/growthbook_sdk_cases.json")).unwrap();
    let agrees = |case: &&Value| {
        let groups: BTreeMap<String, Value> =
            case.get(4).map_or_else(BTreeMap::new, |groups| serde_json::from_value(groups.clone()).unwrap());
        let condition = Condition::lenient(&case[1], &groups, Dialect::Python4).unwrap();
        Some(condition.holds(case[2].as_object().unwrap())) == case[3].as_bool()
    };
    let differing = cases["evalCondition"].as_array().unwrap().iter().filter(|case| !agrees(case));
    let names: Vec<&str> = differing.map(|case| case[0].as_str().unwrap()).collect();
    assert_eq!(names, ["missing attribute with comparison operators", "comparing numbers and strings"]);
}
