use serde_json::{Value as Json, json};
use troupe_runtime::Address;
use troupe_workflows::status::{InstanceStatus, StepStatus};

use super::RestartAt;
use super::world::World;
use crate::orchestrator::workflows::{RestartInstance, SetBreakpoint, Workflow};
use crate::stored::NamedFields;

fn step(id: &str, after: Option<&str>) -> Json {
    let next = after.map_or_else(|| json!({}), |next| json!({ next: "true" }));
    json!({ "step": { "id": id, "type": "NoOp", "transition": { "successors": next } } })
}

fn push(world: &mut World, steps: Json) -> Address {
    let definition = json!({ "properties": { "owner": "t" }, "workflow": { "id": "w", "steps": steps } });
    world.push(definition).unwrap();
    Address::of::<Workflow>("w")
}

fn loops(world: &mut World) -> Address {
    let over = json!({ "type": "MAP", "value": { "i": { "type": "LONG_ARRAY", "value": [1, 2, 3, 4, 5] } } });
    let each = json!({ "foreach": { "id": "each", "concurrency": 2, "params": { "loop_params": over },
        "steps": [step("in", None)] } });
    push(world, json!([each]))
}

#[test]
fn a_removed_breakpoint_resumes_every_iteration_and_stops_no_later_one() {
    let mut world = World::new();
    let w = loops(&mut world);
    world.tell(&w, &SetBreakpoint::at("in")).unwrap();
    world.start("w", "r").unwrap();
    let view = world.view("w:1");
    let child = view.iterations[0].steps[0].children[0].clone();
    let paused = world.view(&child);
    assert!(!paused.iterations.is_empty(), "iterations have begun");
    assert!(
        paused.iterations.iter().all(|iteration| iteration.steps[0].status.0 == StepStatus::Paused),
        "{paused:?}"
    );
    world.tell(&w, &SetBreakpoint::gone("in", true)).unwrap();
    let over = world.until_over("w:1", |_| panic!("no task is expected"));
    assert_eq!(
        (over.status.0, over.iterations[0].steps[0].iterations.unwrap().1.succeeded),
        (InstanceStatus::Succeeded, 5)
    );
}

#[test]
fn a_breakpoint_applies_to_running_instances_and_a_removed_one_pauses_no_later_step() {
    let wait = json!({ "step": { "id": "a", "type": "Sleep", "params": { "sleep_seconds": { "type": "LONG", "value": 5 } },
        "transition": { "successors": { "b": "true" } } } });
    for (set_at_start, expected) in [(true, StepStatus::Succeeded), (false, StepStatus::Paused)] {
        let mut world = World::new();
        let w = push(&mut world, json!([wait, step("b", None)]));
        let set = |world: &mut World, on: bool| {
            let set = if on { SetBreakpoint::at("b") } else { SetBreakpoint::gone("b", true) };
            world.tell(&w, &set).unwrap();
        };
        if set_at_start {
            set(&mut world, true);
        }
        world.start("w", "r").unwrap();
        set(&mut world, !set_at_start);
        world.step();
        assert_eq!(world.view("w:1").iterations[0].steps[1].status.0, expected);
    }
}

#[test]
fn a_paused_step_may_stay_paused_and_a_restart_uses_the_present_breakpoints() {
    let mut world = World::new();
    let w = push(&mut world, json!([step("a", Some("b")), step("b", None)]));
    world.tell(&w, &SetBreakpoint::at("b")).unwrap();
    world.start("w", "r").unwrap();
    world.tell(&w, &SetBreakpoint::gone("b", false)).unwrap();
    let b = |world: &mut World| world.view("w:1").iterations[0].steps[1].status.0;
    assert_eq!(b(&mut world), StepStatus::Paused, "it was to stay");
    world.tell(&w, &SetBreakpoint::gone("b", true)).unwrap();
    assert_eq!(b(&mut world), StepStatus::Succeeded);
    world.tell(&w, &SetBreakpoint::at("a")).unwrap();
    let again = RestartInstance {
        instance: 1,
        seen: 1,
        at: RestartAt::Beginning,
        params: NamedFields::default(),
        by: "t".into(),
    };
    world.tell(&w, &again).unwrap();
    assert_eq!(
        world.view("w:1").iterations[0].steps[0].status.0,
        StepStatus::Paused,
        "set while it was over"
    );
}
