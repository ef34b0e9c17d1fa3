use std::sync::Arc;

use serde_json::{Value, json};
use troupe_runtime::entity::Globals;
use troupe_runtime::{Context, Decide, Entity, Timestamp, wire};

use super::{DefineFlag, Door, Event, Flag, Switch};
use crate::experimentation::experiments;
use crate::experimentation::experiments::{Experiment, ExperimentSpec, Variation};
use crate::stored::NamedFields;

fn defined(flag: &mut Flag, door: Door, definition: Value) -> Result<(), String> {
    let globals = Globals::default();
    let define = DefineFlag { door, definition: NamedFields(definition) };
    let decision = flag.decide(&define, &Context::at(Timestamp(1), "stream", &globals));
    decision
        .outcome()
        .map_err(|refused| format!("{} {}", refused.code, refused.field.clone().unwrap_or_default()))?;
    decision.events().iter().for_each(|event| flag.apply(&wire::decode(&wire::encode(event)).unwrap()));
    Ok(())
}

fn unleash_feature(rollout: &str) -> Value {
    json!({ "name": "stream", "enabled": true, "strategies": [
        { "name": "flexibleRollout", "parameters": { "rollout": rollout, "stickiness": "userId", "groupId": "stream" } }
    ]})
}

#[test]
fn a_flag_may_depend_on_others_and_not_on_itself() {
    let waits = |for_whom: &str| {
        json!({ "defaultValue": false, "rules": [{ "force": true, "parentConditions": [
        { "id": for_whom, "condition": { "value": true } } ] }] })
    };
    let flag = |definition| {
        let mut flag = Flag::default();
        flag.apply(&Event::Defined(Door::Growthbook, NamedFields(definition)));
        flag
    };
    let globals = Globals::default();
    let mut off = flag(waits("stream"));
    off.apply(&Event::Switched(false));
    globals.publish(vec![
        (Flag::KIND, "open".into(), Arc::new(flag(json!({ "defaultValue": true })))),
        (Flag::KIND, "near".into(), Arc::new(flag(waits("far")))),
        (Flag::KIND, "far".into(), Arc::new(off)),
    ]);
    let mut two = waits("open");
    let near = json!({ "id": "near", "condition": { "value": true } });
    two["rules"][0]["parentConditions"].as_array_mut().unwrap().push(near);
    let circle = |at| Err(("CIRCLE", format!("definition.rules[0].parentConditions[{at}].id")));
    for (name, definition, expected) in [
        ("a prerequisite that exists", waits("open"), Ok(())),
        ("a prerequisite that may be defined later", waits("later"), Ok(())),
        ("itself", waits("stream"), circle(0)),
        ("a prerequisite that depends on it through one that is off", two, circle(1)),
    ] {
        let define = DefineFlag { door: Door::Growthbook, definition: NamedFields(definition) };
        let decision = Flag::default().decide(&define, &Context::at(Timestamp(1), "stream", &globals));
        let said =
            decision.outcome().map(|_| ()).map_err(|one| (one.code.as_str(), one.field.clone().unwrap()));
        assert_eq!(said, expected, "{name}");
    }
}

#[test]
fn a_feature_that_clients_would_repair_is_refused_with_its_path() {
    for (rule, field) in [
        (json!({ "variations": [0, 1], "weights": [0.5, 0.6] }), "rules[0].weights"),
        (json!({ "variations": [0, 1], "ranges": [[0, 0.6], [0.5, 1]] }), "rules[0].ranges"),
        (json!({ "force": 1, "condition": { "a": { "$regex": "(" } } }), "rules[0].condition.a.$regex"),
        (json!({ "force": 1, "condition": { "$near": 1 } }), "rules[0].condition.$near"),
        (json!({ "variations": [0, 1], "namespace": "n" }), "rules[0].namespace"),
    ] {
        let mut flag = Flag::default();
        let definition = json!({ "defaultValue": 0, "rules": [rule] });
        let refused = defined(&mut flag, Door::Growthbook, definition).unwrap_err();
        assert_eq!(refused, format!("BAD_DEFINITION definition.{field}"));
        assert!(flag.served(Door::Growthbook).is_none());
    }
}

#[test]
fn a_flag_cannot_take_the_name_of_a_running_experiment() {
    let arm = |name: &str| Variation { name: name.into(), version: None };
    let spec = ExperimentSpec {
        model: "m".into(),
        variations: vec![arm("a"), arm("b")],
        weights: None,
        coverage: 1.0,
        seed: None,
        hash_version: 2,
    };
    let mut experiment = Experiment::create("stream");
    experiment.apply(&experiments::Event::Defined(spec));
    for runs in [false, true] {
        if runs {
            experiment.apply(&experiments::Event::Started);
        }
        let copy: Experiment = wire::decode(&wire::encode(&experiment)).unwrap();
        let globals = Globals::default();
        globals.publish(vec![(Experiment::KIND, "stream".into(), Arc::new(copy))]);
        let define =
            DefineFlag { door: Door::Growthbook, definition: NamedFields(json!({ "defaultValue": true })) };
        let decision = Flag::default().decide(&define, &Context::at(Timestamp(1), "stream", &globals));
        assert_eq!(decision.outcome().err().and_then(|one| one.field.as_deref()), runs.then_some("key"));
    }
}

#[test]
fn a_flag_is_served_by_its_own_door_until_it_is_switched_off() {
    let mut flag = Flag::default();
    defined(&mut flag, Door::Unleash, unleash_feature("50")).unwrap();
    assert!(flag.served(Door::Unleash).is_some() && flag.served(Door::Growthbook).is_none());
    let globals = Globals::default();
    let decision = flag.decide(&Switch { on: false }, &Context::at(Timestamp(1), "stream", &globals));
    decision.events().iter().for_each(|event| flag.apply(event));
    assert!(flag.served(Door::Unleash).is_none());
}

#[test]
fn a_definition_that_a_client_would_ignore_is_refused_with_its_path() {
    for (definition, expected) in [
        (unleash_feature("101"), "BAD_DEFINITION definition.strategies[0].parameters.rollout"),
        (json!({ "name": "another", "enabled": true, "strategies": [] }), "BAD_NAME definition.name"),
        (json!(7), "BAD_DEFINITION definition"),
        (
            json!({ "experiment": { "name": "stream", "arms": 7 } }),
            "BAD_DEFINITION definition.experiment.arms",
        ),
    ] {
        let mut flag = Flag::default();
        assert_eq!(defined(&mut flag, Door::Unleash, definition).unwrap_err(), expected);
        assert!(flag.served(Door::Unleash).is_none());
    }
}
