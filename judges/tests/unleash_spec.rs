//! The cases of Unleash's client specification.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its cases is to fail")]

use serde::Deserialize;
use serde_json::Value;
use troupe_judges::unleash::{Context, Delta, Features, Payload, Toggles};

const SPECIFICATION: &str = include_str!("../../tests/vectors/unleash_client_specification.json");

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    description: String,
    context: Context,
    toggle_name: String,
    expected_result: Value,
}

#[derive(Deserialize)]
struct Shown {
    name: String,
    payload: Option<Payload>,
    enabled: bool,
    feature_enabled: bool,
}

fn cases(file: &Value, key: &str) -> Vec<Case> {
    file.get(key).map(|cases| Case::deserialize_all(cases)).unwrap_or_default()
}

impl Case {
    fn deserialize_all(cases: &Value) -> Vec<Self> {
        serde_json::from_value(cases.clone()).unwrap()
    }
}

fn state(state: &Value) -> Features {
    if state.get("events").is_some() {
        return Features::default().after(&serde_json::from_value::<Delta>(state.clone()).unwrap());
    }
    serde_json::from_value(state.clone()).unwrap()
}

#[test]
fn every_case_of_the_client_specification_is_met() {
    let all: Value = serde_json::from_str(SPECIFICATION).unwrap();
    let mut wrong = Vec::new();
    let (mut enabled, mut variants) = (0, 0);
    for (name, file) in all["files"].as_object().unwrap() {
        let toggles = Toggles::compile(&state(&file["state"])).unwrap_or_else(|e| panic!("{name}: {e}"));
        for case in cases(file, "tests") {
            enabled += 1;
            let got = toggles.is_enabled(&case.toggle_name, &case.context);
            if Value::from(got) != case.expected_result {
                wrong.push(format!("{name}: {}: {got}", case.description));
            }
        }
        for case in cases(file, "variantTests") {
            variants += 1;
            let got = toggles.variant(&case.toggle_name, &case.context);
            let want: Shown = serde_json::from_value(case.expected_result).unwrap();
            let same = (&got.name, &got.payload) == (&want.name, &want.payload);
            if !same || (got.enabled, got.feature_enabled) != (want.enabled, want.feature_enabled) {
                wrong.push(format!("{name}: {}: {got:?}", case.description));
            }
        }
    }
    assert_eq!((enabled, variants), (149, 47), "cases were lost on the way");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
