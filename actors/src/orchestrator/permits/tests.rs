use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use troupe_runtime::Address;
use troupe_workflows::status::{InstanceStatus, StepStatus};

use super::{GetPermit, Permit, SetPermit};
use crate::coordination::work_queues::{Failure, Grant, Outcome};
use crate::orchestrator::runs::world::World;
use crate::orchestrator::runs::{Act, ActOn, WorkflowRun};
use crate::orchestrator::workflows::{StopInstance, Workflow};
use crate::stored::NamedFields;

fn http(id: &str, tags: Json) -> Json {
    json!({ "step": { "id": id, "type": "Http", "tags": tags, "retry_policy": { "error_retry_limit": 0 },
        "params": { "url": { "value": "http://h/", "type": "STRING" } } } })
}

fn push(world: &mut World, id: &str, properties: Json, steps: Json) {
    let mut properties = properties;
    properties["owner"] = json!("t");
    properties["run_strategy"] = json!("PARALLEL");
    let definition = json!({ "properties": properties, "workflow": { "id": id, "steps": steps } });
    world.push(definition).unwrap();
}

fn set(world: &mut World, tag: &str, most: Option<u64>) {
    world.tell(&Address::of::<Permit>(tag), &SetPermit { most, by: "t".into() }).unwrap();
}

fn held(world: &mut World, tag: &str) -> (u64, u64) {
    let view = world.query(&Address::of::<Permit>(tag), &GetPermit {});
    (view.held, view.waiting)
}

fn done() -> Outcome {
    Outcome::Done { output: NamedFields(json!({})) }
}

#[test]
fn steps_with_a_tag_share_its_concurrency_limit_over_all_workflows() {
    let mut world = World::new();
    set(&mut world, "gpu", Some(2));
    for id in ["v", "w"] {
        push(
            &mut world,
            id,
            json!({}),
            json!([http("a", json!(["gpu"])), http("b", json!(["gpu"])), http("c", json!([]))]),
        );
        world.start(id, "r").unwrap();
    }
    let mut open: Vec<Grant> = world.claim();
    assert_eq!(open.len(), 4, "two with the tag, and those without it");
    assert_eq!(held(&mut world, "gpu"), (2, 2));
    let waits = world.view("w:1");
    assert_eq!(waits.iterations[0].steps[0].status.0, StepStatus::WaitingForPermits);
    assert!(waits.iterations[0].steps[0].why.contains("gpu"), "{}", waits.iterations[0].steps[0].why);
    let mut ended = 0;
    while let Some(grant) = open.pop() {
        assert!(held(&mut world, "gpu").0 <= 2);
        assert!(world.finish(&grant, done()));
        ended += 1;
        open.extend(world.claim());
    }
    assert_eq!((ended, held(&mut world, "gpu")), (6, (0, 0)));
    for run in ["v:1", "w:1"] {
        assert_eq!(world.view(run).status.0, InstanceStatus::Succeeded);
    }
    assert!(world.dead.is_empty(), "{:?}", world.dead);
}

#[test]
fn an_attempt_releases_its_permit_at_each_kind_of_end() {
    let mut world = World::new();
    set(&mut world, "gpu", Some(1));
    push(&mut world, "w", json!({}), json!([http("a", json!(["gpu"]))]));
    let run = |number: u64| Address::of::<WorkflowRun>(format!("w:{number}"));
    for request in 1..=5 {
        world.start("w", &request.to_string()).unwrap();
    }
    assert_eq!(held(&mut world, "gpu"), (1, 4));
    // The ends: failed, stopped while waiting, skipped, killed, succeeded.
    let grant = world.claim().remove(0);
    world.finish(&grant, Outcome::Failed { why: "no".into(), kind: Failure::User });
    let stop = StopInstance { instance: Some(5), request_id: None, why: "t".into(), kill: false };
    world.tell(&Address::of::<Workflow>("w"), &stop).unwrap();
    assert_eq!(held(&mut world, "gpu"), (1, 2));
    let act = |act| Act { step: "a".into(), act, iteration: 0, by: "t".into() };
    world.tell(&run(2), &act(ActOn::Skip)).unwrap();
    assert_eq!(held(&mut world, "gpu"), (1, 1));
    world.tell(&run(3), &act(ActOn::Kill)).unwrap();
    let grant = world.claim().remove(0);
    world.finish(&grant, done());
    assert_eq!(held(&mut world, "gpu"), (0, 0));
    let expected = [
        InstanceStatus::Failed,
        InstanceStatus::Succeeded,
        InstanceStatus::Failed,
        InstanceStatus::Succeeded,
        InstanceStatus::Stopped,
    ];
    for (number, status) in (1..).zip(expected) {
        assert_eq!(world.view(&format!("w:{number}")).status.0, status, "{number}");
    }
}

#[test]
fn steps_with_two_tags_in_any_order_do_not_deadlock() {
    let mut world = World::new();
    for tag in ["x", "y"] {
        set(&mut world, tag, Some(1));
    }
    push(&mut world, "w", json!({}), json!([http("a", json!(["x", "y"])), http("b", json!(["y", "x"]))]));
    for request in ["1", "2", "3"] {
        world.start("w", request).unwrap();
    }
    for run in ["w:1", "w:2", "w:3"] {
        assert_eq!(world.until_over(run, |_| done()).status.0, InstanceStatus::Succeeded);
    }
    assert_eq!((held(&mut world, "x"), held(&mut world, "y")), ((0, 0), (0, 0)));
}

#[test]
fn a_raised_or_removed_limit_grants_waiting_requests() {
    let mut world = World::new();
    set(&mut world, "gpu", Some(0));
    push(&mut world, "w", json!({}), json!([http("a", json!(["gpu"]))]));
    for request in 0..4 {
        world.start("w", &request.to_string()).unwrap();
    }
    assert_eq!((world.claim().len(), held(&mut world, "gpu")), (0, (0, 4)));
    set(&mut world, "gpu", Some(1));
    assert_eq!(world.claim().len(), 1);
    set(&mut world, "gpu", None);
    assert_eq!((world.claim().len(), held(&mut world, "gpu")), (3, (4, 0)));
    let too_many = SetPermit { most: Some(1_000_000), by: String::new() };
    assert_eq!(
        world.tell(&Address::of::<Permit>("gpu"), &too_many).unwrap_err().field.as_deref(),
        Some("most")
    );
}

#[test]
fn step_concurrency_limits_the_steps_of_a_workflow_loops_included() {
    let mut world = World::new();
    let each = json!({ "foreach": { "id": "each", "concurrency": 20, "steps": [http("inner", json!([]))],
        "params": { "loop_params": { "type": "MAP", "value": {
            "i": { "type": "LONG_ARRAY", "value": (0..9).collect::<Vec<u32>>() } } } } } });
    push(&mut world, "w", json!({ "step_concurrency": 3 }), json!([each, http("a", json!([]))]));
    for request in ["1", "2"] {
        world.start("w", request).unwrap();
    }
    let mut open: BTreeMap<String, Grant> = BTreeMap::new();
    let (mut most, mut ended) = (0, 0);
    loop {
        open.extend(world.claim().into_iter().map(|grant| (grant.id.clone(), grant)));
        most = most.max(open.len());
        let Some((_, grant)) = open.pop_first() else { break };
        assert!(world.finish(&grant, done()));
        ended += 1;
    }
    assert_eq!((most, ended), (3, 20));
    for run in ["w:1", "w:2"] {
        assert_eq!(world.view(run).status.0, InstanceStatus::Succeeded);
    }
}

#[test]
fn instance_step_concurrency_limits_the_steps_of_each_instance_loops_included() {
    let mut world = World::new();
    let each = |id: &str, steps: serde_json::Value| {
        json!({ "foreach": { "id": id, "concurrency": 20, "steps": steps, "params": { "loop_params": { "type": "MAP", "value": {
            "i": { "type": "LONG_ARRAY", "value": (0..3).collect::<Vec<u32>>() } } } } } })
    };
    let steps = json!([
        each("outer", json!([each("inner", json!([http("work", json!([]))]))])),
        http("a", json!([]))
    ]);
    let definition = json!({ "properties": { "owner": "t", "run_strategy": "PARALLEL" },
        "workflow": { "id": "w", "instance_step_concurrency": 2, "steps": steps } });
    world.push(definition).unwrap();
    for request in ["1", "2"] {
        world.start("w", request).unwrap();
    }
    let of = |grant: &Grant| grant.owner.key[..3].to_owned();
    let mut open: BTreeMap<String, Grant> = BTreeMap::new();
    let (mut most, mut ended) = (0, 0);
    loop {
        open.extend(world.claim().into_iter().map(|grant| (grant.id.clone(), grant)));
        for run in ["w:1", "w:2"] {
            assert!(open.values().filter(|grant| of(grant) == run).count() <= 2, "{run}");
        }
        most = most.max(open.len());
        let Some((_, grant)) = open.pop_first() else { break };
        assert!(world.finish(&grant, done()));
        ended += 1;
    }
    assert_eq!((most, ended), (4, 20), "two of each instance");
    for run in ["w:1", "w:2"] {
        assert_eq!(world.view(run).status.0, InstanceStatus::Succeeded);
    }
    assert_eq!(held(&mut world, "steps-in:2:w:1"), (0, 0));
    assert!(world.dead.is_empty(), "{:?}", world.dead);
}
