use serde_json::json;

use super::{
    Merge, NoFacts, ParamError, Parameters, Run, Scope, Value, evaluate, evaluate_workflow, fill, merge,
    merge_outputs, parameters, step_params, workflow_params,
};
use crate::Ordered;
use crate::definition::{ParamDefinitions, ParamSource, Step, StepKind, StepType, Workflow};
use crate::expression::Limits;

const FACTS: NoFacts = NoFacts { now_ms: 1_769_862_896_789, seed: 1 };

fn definitions(json: serde_json::Value) -> ParamDefinitions {
    serde_json::from_value(json).unwrap()
}

fn workflow(params: serde_json::Value) -> Workflow {
    Workflow { params: definitions(params), ..Workflow::new("w", Vec::new()) }
}

fn evaluated(json: serde_json::Value) -> Result<Parameters, ParamError> {
    let mut params = parameters(definitions(json));
    evaluate_workflow(&mut params, &FACTS, &Limits::DEFAULT)?;
    Ok(params)
}

fn values(params: &Parameters) -> serde_json::Value {
    let all = params.iter().map(|(name, param)| (name.clone(), param.evaluated.as_ref().unwrap().to_json()));
    serde_json::Value::Object(all.collect())
}

#[test]
fn parameters_are_evaluated_in_the_order_of_their_references() {
    let params = evaluated(json!({
        "c": { "expression": "a + b", "type": "LONG" },
        "text": { "value": "c is ${c}, $a and $$a; $${b} $1 $$", "type": "STRING" },
        "a": { "value": 1, "type": "LONG" },
        "b": { "expression": "a * 2", "type": "LONG" },
        "ratio": { "expression": "a", "type": "DOUBLE" },
        "whole": { "expression": "6.0 / 2", "type": "LONG" },
        "list": { "value": ["$a", "x"], "type": "STRING_ARRAY" },
        "ints": { "expression": "Util.intsBetween(0, 3, 1)", "type": "LONG_ARRAY" },
        "all": { "value": { "k$a": "${list}" }, "type": "STRING_MAP" },
        "nested": { "value": { "x": { "expression": "c + 1", "type": "LONG" } }, "type": "MAP" },
        "deep": { "expression": "nested['x'] + 1", "type": "STRING" },
    }))
    .unwrap();
    assert_eq!(
        values(&params),
        json!({ "c": 3, "text": "c is 3, 1 and $a; ${b} $1 $", "a": 1, "b": 2, "ratio": 1.0, "whole": 3,
            "list": ["1", "x"], "ints": [0, 1, 2], "all": { "k1": "[\"1\",\"x\"]" }, "nested": { "x": 4 }, "deep": "5" })
    );
}

#[test]
fn what_cannot_be_evaluated_names_the_parameter() {
    for (json, expected) in [
        (
            json!({ "a": { "expression": "b", "type": "LONG" }, "b": { "expression": "a", "type": "LONG" } }),
            "refers to itself",
        ),
        (json!({ "a": { "value": "$zz", "type": "STRING" } }), "refers to zz"),
        (json!({ "a": { "expression": "zz", "type": "LONG" } }), "zz is not defined"),
        (json!({ "a": { "expression": "'x'", "type": "LONG" } }), "comes to a string where LONG is declared"),
        (
            json!({ "m": { "value": { "x": { "expression": "1 / 0", "type": "LONG" } }, "type": "MAP" } }),
            "param m.x",
        ),
        (json!({ "a": { "expression": "'x'.repeat(900000)", "type": "STRING" } }), "750000 at most"),
    ] {
        let error = evaluated(json.clone()).unwrap_err().to_string();
        assert!(error.contains(expected), "{json}: {error}");
    }
}

#[test]
fn a_steps_parameter_may_increment_the_loops() {
    let mut own = parameters(definitions(json!({ "i": { "expression": "i + 1", "type": "LONG" } })));
    let loops = Ordered::from([("i".to_owned(), Value::Long(4))]);
    evaluate(&mut own, &[&loops], &FACTS, &Limits::DEFAULT).unwrap();
    assert_eq!(values(&own), json!({ "i": 5 }));
}

#[test]
fn modes_say_who_may_change_a_parameter() {
    use ParamSource as S;
    for (mode, source, restart, allowed) in [
        ("MUTABLE", S::Launch, false, true),
        ("MUTABLE", S::Restart, true, true),
        ("MUTABLE_ON_START", S::Launch, false, true),
        ("MUTABLE_ON_START", S::Restart, true, false),
        ("MUTABLE_ON_START_RESTART", S::Restart, true, true),
        ("IMMUTABLE", S::Launch, false, false),
        ("CONSTANT", S::Signal, false, false),
        ("CONSTANT", S::SystemInjected, false, true),
    ] {
        let mut params = definitions(json!({ "p": { "value": 1, "type": "LONG", "mode": mode } }));
        let change = definitions(json!({ "p": { "value": 2, "type": "LONG" } }));
        let by = Merge { source, upstream: false, restart };
        assert_eq!(merge(&mut params, &change, by).is_ok(), allowed, "{mode} by {source}");
    }
    let mut params = definitions(json!({ "p": { "value": 1, "type": "LONG", "mode": "MUTABLE_ON_START" } }));
    let looser = definitions(json!({ "p": { "value": 1, "type": "LONG", "mode": "MUTABLE" } }));
    assert!(merge(&mut params, &looser, Merge::by(S::Launch)).is_err(), "a mode is not loosened");
    let text = definitions(json!({ "p": { "value": "7", "type": "STRING" } }));
    merge(&mut params, &text, Merge::by(S::Launch)).unwrap();
    assert_eq!(params["p"].value(), Some(&crate::definition::Literal::Long(7)), "the type stays");
    let word = definitions(json!({ "p": { "value": "x", "type": "STRING" } }));
    assert!(matches!(merge(&mut params, &word, Merge::by(S::Launch)), Err(ParamError::TypeChanged { .. })));
}

#[test]
fn maps_are_merged_key_by_key() {
    let mut params = definitions(json!({
        "m": { "value": { "a": { "value": 1, "type": "LONG" }, "b": { "value": 2, "type": "LONG" } }, "type": "MAP" },
        "s": { "value": { "x": "1" }, "type": "STRING_MAP" } }));
    let change = definitions(json!({
        "m": { "value": { "b": { "value": 3, "type": "LONG" } }, "type": "MAP" },
        "s": { "value": { "y": "2" }, "type": "STRING_MAP" } }));
    merge(&mut params, &change, Merge::by(ParamSource::Launch)).unwrap();
    let mut params = parameters(params);
    evaluate_workflow(&mut params, &FACTS, &Limits::DEFAULT).unwrap();
    assert_eq!(values(&params), json!({ "m": { "a": 1, "b": 3 }, "s": { "x": "1", "y": "2" } }));
}

#[test]
fn a_workflow_has_the_defaults_that_it_refers_to() {
    let workflow =
        workflow(json!({ "day": { "expression": "DERIVED_RUN_DATE_UTC_MINUS_ONE", "type": "STRING" } }));
    let mut params = workflow_params(
        &workflow,
        &Run::launch(definitions(json!({
        "TARGET_RUN_DATE": { "value": "20260301", "type": "STRING" },
        "free": { "value": true, "type": "BOOLEAN" } }))),
    )
    .unwrap();
    evaluate_workflow(&mut params, &FACTS, &Limits::DEFAULT).unwrap();
    let values = values(&params);
    assert_eq!(values["day"], "20260228");
    assert_eq!(values["RUN_TS"], FACTS.now_ms);
    assert_eq!((&values["free"], values.get("RUN_DATE")), (&json!(true), None));
    assert_eq!(params["free"].definition.source, Some(ParamSource::Launch));
    let reserved = Run::launch(definitions(json!({ "owner": { "value": "x", "type": "STRING" } })));
    assert!(workflow_params(&workflow, &reserved).is_err());
}

#[test]
fn a_restart_keeps_values_unless_they_are_immutable_or_set() {
    let workflow = workflow(json!({
        "kept": { "expression": "UUID.randomUUID()", "type": "STRING", "mode": "CONSTANT" },
        "renewed": { "expression": "UUID.randomUUID()", "type": "STRING", "mode": "IMMUTABLE" },
        "set": { "value": 1, "type": "LONG" } }));
    let mut first = workflow_params(&workflow, &Run::launch(Ordered::new())).unwrap();
    evaluate_workflow(&mut first, &FACTS, &Limits::DEFAULT).unwrap();
    let set = definitions(json!({ "set": { "value": 2, "type": "LONG" } }));
    let again =
        Run { source: ParamSource::Restart, upstream: false, params: set, before: Some(first.clone()) };
    let mut second = workflow_params(&workflow, &again).unwrap();
    evaluate_workflow(&mut second, &NoFacts { seed: 2, ..FACTS }, &Limits::DEFAULT).unwrap();
    assert_eq!(first["kept"].evaluated, second["kept"].evaluated);
    assert_ne!(first["renewed"].evaluated, second["renewed"].evaluated);
    assert_eq!(second["set"].evaluated, Some(Value::Long(2)));
    assert_eq!(first["RUN_TS"].evaluated_time, second["RUN_TS"].evaluated_time);
}

#[test]
fn a_step_has_what_its_type_needs_and_its_run_sets() {
    let sub = StepKind::Subworkflow { sync: None, explicit_params: None };
    let step = |params| Step { params: definitions(params), ..Step::new("s", sub.clone()) };
    let run = Run::launch(definitions(json!({ "extra": { "value": 1, "type": "LONG" } })));
    let missing = step_params(&step(json!({})), &Ordered::new(), &run).unwrap_err();
    assert_eq!(missing, ParamError::Missing { name: "subworkflow_id".into() });
    let named = step(json!({ "subworkflow_id": { "value": "w", "type": "STRING" } }));
    let mut params = step_params(&named, &Ordered::new(), &run).unwrap();
    evaluate(&mut params, &[], &FACTS, &Limits::DEFAULT).unwrap();
    assert_eq!(
        values(&params),
        json!({ "subworkflow_id": "w", "subworkflow_version": "active", "extra": 1 })
    );
}

#[test]
fn outputs_change_only_what_is_defined_and_mutable() {
    let mut params = evaluated(json!({
        "a": { "value": 1, "type": "LONG" }, "fixed": { "value": 1, "type": "LONG", "mode": "MUTABLE_ON_START" } }))
    .unwrap();
    let output = |json: serde_json::Value| serde_json::from_value::<Parameters>(json).unwrap();
    let good =
        output(json!({ "a": { "value": 5, "type": "LONG", "evaluated_result": 5, "evaluated_time": 7 } }));
    merge_outputs(&mut params, &good, 9).unwrap();
    assert_eq!((params["a"].evaluated.clone(), params["a"].evaluated_time), (Some(Value::Long(5)), Some(7)));
    let fixed = output(json!({ "fixed": { "value": 5, "type": "LONG" } }));
    assert!(matches!(merge_outputs(&mut params, &fixed, 9), Err(ParamError::Mode { .. })));
    let unknown = output(json!({ "z": { "value": 5, "type": "LONG" } }));
    assert!(matches!(merge_outputs(&mut params, &unknown, 9), Err(ParamError::UndefinedOutput { .. })));
    let wrong = output(json!({ "a": { "value": "x", "type": "STRING" } }));
    assert!(matches!(merge_outputs(&mut params, &wrong, 9), Err(ParamError::Type { .. })));
}

#[test]
fn parameters_survive_storage_with_their_types() {
    let params = evaluated(json!({
        "d": { "value": 2.0, "type": "DOUBLE" }, "none": { "value": [], "type": "LONG_ARRAY" },
        "s": { "value": { "a": "1" }, "type": "STRING_MAP" }, "big": { "value": i64::MAX, "type": "LONG" } }))
    .unwrap();
    let packed = rmp_serde::to_vec_named(&params).unwrap();
    assert_eq!(rmp_serde::from_slice::<Parameters>(&packed).unwrap(), params);
    let json = serde_json::to_value(&params).unwrap();
    assert_eq!(json["d"]["evaluated_result"], 2.0);
    assert_eq!(serde_json::from_value::<Parameters>(json).unwrap(), params);
}

#[test]
fn texts_are_filled_and_conditions_hold() {
    let layer = Ordered::from([("x".to_owned(), Value::Long(3)), ("t".to_owned(), "a$b".into())]);
    let layers: [&dyn super::Lookup; 1] = [&layer];
    let scope = Scope::new(&layers, &FACTS);
    assert_eq!(scope.fill("${x}-$x-${t}").unwrap(), "3-3-a$b");
    assert!(scope.fill("${y}").unwrap_err().to_string().contains("refers to y"));
    assert_eq!(fill("$ $$x ${ ${9} $$$x", &|_| Some(Value::Long(1))), Ok("$ $x ${ ${9} $1".into()));
    assert!(scope.holds("c", "x > 2").unwrap() && scope.holds("c", "true;").unwrap());
    assert!(scope.holds("c", "x + 1").unwrap_err().to_string().contains("BOOLEAN"));
    let noop = Step::new("s", StepKind::Typed { step_type: StepType::NoOp, sub_type: None });
    assert!(step_params(&noop, &Ordered::new(), &Run::launch(Ordered::new())).unwrap().is_empty());
}

#[test]
fn every_default_of_a_workflow_comes_to_a_value() {
    let names: Vec<String> = super::workflow_defaults().keys().cloned().collect();
    let all = names.iter().filter(|name| !["yaml_sha", "owner", "workflow_id"].contains(&name.as_str()));
    let mentions = all.map(|name| (name.clone(), json!({ "expression": name, "type": "STRING" })));
    let own: serde_json::Map<_, _> = mentions.map(|(name, param)| (format!("my_{name}"), param)).collect();
    let workflow = workflow(serde_json::Value::Object(own));
    let mut params = workflow_params(&workflow, &Run::launch(Ordered::new())).unwrap();
    evaluate_workflow(&mut params, &FACTS, &Limits::DEFAULT).unwrap();
    let value = |name: &str| params[name].evaluated.as_ref().unwrap().to_text();
    assert!(params.len() >= 2 * (names.len() - 3), "{}", params.len());
    for (name, expected) in [
        ("DSL_DEFAULT_TZ", "UTC"),
        ("TARGET_RUN_DATE", "20260131"),
        ("TARGET_RUN_HOUR", "12"),
        ("DERIVED_RUN_TS", "1769860800000"),
        ("DERIVED_RUN_DATE_US_PACIFIC", "20260131"),
        ("DERIVED_RUN_HOUR_US_PACIFIC", "04"),
        ("DERIVED_RUN_DATE_UTC_PLUS_ONE", "20260201"),
        ("DERIVED_RUN_HOUR_UTC_MINUS_ONE_HOUR", "11"),
        ("RUN_DATE_MINUS_7", "20260124"),
    ] {
        assert_eq!(value(name), expected, "{name}");
    }
}
