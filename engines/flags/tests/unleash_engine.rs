//! Results of the engine of UnleashClient 6.9 on random contexts.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its cases is to fail")]

use serde_json::{Value, json};
use troupe_flags::unleash::{Context, Toggles};

const ENGINE: &str = include_str!("../../../tests/vectors/unleash_engine_cases.json");

#[test]
fn every_answer_of_the_engine_of_a_real_client_is_met() {
    let all: Value = serde_json::from_str(ENGINE).unwrap();
    let (mut asked, mut on, mut shown, mut wrong) = (0, 0, 0, Vec::new());
    for (i, case) in all["cases"].as_array().unwrap().iter().enumerate() {
        let toggles = Toggles::compile(&serde_json::from_value(case["state"].clone()).unwrap())
            .unwrap_or_else(|e| panic!("case {i}: {e}"));
        let contexts: Vec<Context> = serde_json::from_value(case["contexts"].clone()).unwrap();
        for answer in case["asked"].as_array().unwrap() {
            let context = &contexts[usize::try_from(answer[0].as_u64().unwrap()).unwrap()];
            let name = answer[1].as_str().unwrap();
            let (enabled, variant) = (toggles.is_enabled(name, context), toggles.variant(name, context));
            let payload = variant.payload.map(|payload| payload.value);
            let got = json!([
                answer[0],
                name,
                enabled,
                variant.name,
                payload,
                variant.enabled,
                variant.feature_enabled
            ]);
            asked += 1;
            on += usize::from(enabled);
            shown += usize::from(variant.enabled);
            if &got != answer {
                wrong.push(format!("case {i}: {got} is not {answer}"));
            }
        }
    }
    assert!(
        asked > 800 && on > asked / 4 && shown > asked / 8,
        "too few say something: {asked}, {on}, {shown}"
    );
    assert!(wrong.is_empty(), "{} wrong of {asked}:\n{}", wrong.len(), wrong.join("\n"));
}
