use serde_json::{Value, json};
use troupe_runtime::entity::Globals;
use troupe_runtime::{Context, Decide, Entity, Timestamp, wire};

use super::{DefineFlag, Door, Flag, Switch};
use crate::kept::Kept;

fn defined(flag: &mut Flag, door: Door, definition: Value) -> Result<(), String> {
    let globals = Globals::default();
    let define = DefineFlag { door, definition: Kept(definition) };
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
fn what_a_client_would_leave_off_is_refused_with_its_path() {
    for (definition, expected) in [
        (unleash_feature("101"), "BAD_DEFINITION definition.strategies[0].parameters.rollout"),
        (json!({ "name": "another", "enabled": true, "strategies": [] }), "BAD_NAME definition.name"),
        (json!(7), "BAD_DEFINITION definition"),
    ] {
        let mut flag = Flag::default();
        assert_eq!(defined(&mut flag, Door::Unleash, definition).unwrap_err(), expected);
        assert!(flag.served(Door::Unleash).is_none());
    }
}
