use serde_json::json;
use troupe_runtime::Address;
use troupe_workflows::status::InstanceStatus;

use super::{Activate, Unblock, Workflow};
use crate::tasks::{Failure, Outcome};
use crate::workflow_runs::world::World;

fn with(strategy: &str) -> serde_json::Value {
    json!({ "properties": { "owner": "t", "run_strategy": strategy }, "is_active": true,
        "workflow": { "id": "w", "steps": [{ "step": { "id": "a", "type": "Http",
            "retry_policy": { "error_retry_limit": 0 },
            "params": { "url": { "value": "http://h/", "type": "STRING" } } } }] } })
}

fn statuses(world: &mut World) -> Vec<InstanceStatus> {
    world.workflow("w").instances.iter().rev().map(|one| one.status.0).collect()
}

#[test]
fn the_run_strategy_says_which_instances_run() {
    use InstanceStatus::{Created, InProgress, Stopped};
    for (strategy, expected) in [
        ("SEQUENTIAL", [InProgress, Created, Created]),
        ("STRICT_SEQUENTIAL", [InProgress, Created, Created]),
        ("FIRST_ONLY", [InProgress, Stopped, Stopped]),
        ("LAST_ONLY", [Stopped, Stopped, InProgress]),
        ("PARALLEL", [InProgress, InProgress, InProgress]),
        ("SERIAL_LATEST_ONLY", [InProgress, Stopped, Created]),
    ] {
        let mut world = World::new();
        world.push(with(strategy)).unwrap();
        for request in ["a", "b", "c"] {
            world.start("w", request).unwrap();
        }
        assert_eq!(statuses(&mut world), expected, "{strategy}");
    }
}

#[test]
fn a_failed_instance_holds_up_a_strict_sequence_until_it_is_unblocked() {
    let mut world = World::new();
    world.push(with("STRICT_SEQUENTIAL")).unwrap();
    world.start("w", "a").unwrap();
    world.start("w", "b").unwrap();
    world.until_over("w:1", |_| Outcome::Failed { why: "no".into(), kind: Failure::User });
    assert_eq!(statuses(&mut world), [InstanceStatus::Failed, InstanceStatus::Created]);
    assert_eq!(world.tell(&Address::of::<Workflow>("w"), &Unblock { instance: None }).unwrap(), 1);
    assert_eq!(statuses(&mut world)[1], InstanceStatus::InProgress);
}

#[test]
fn a_definition_that_is_wrong_is_refused_with_its_path_and_changes_nothing() {
    let mut world = World::new();
    let mut wrong = with("SEQUENTIAL");
    wrong["workflow"]["steps"][0]["step"]["transition"] = json!({ "successors": { "nowhere": "true" } });
    let refused = world.push(wrong).unwrap_err();
    assert!(refused.field.is_some_and(|field| field.starts_with("definition.")), "{}", refused.message);
    assert_eq!(world.workflow("w").newest, 0);
    let first = world.push(with("SEQUENTIAL")).unwrap();
    assert_eq!((first, world.push(with("SEQUENTIAL")).unwrap()), (1, 1), "the same again is no version");
    let none = Activate { version: Some(9), by: String::new() };
    assert_eq!(world.tell(&Address::of::<Workflow>("w"), &none).unwrap_err().code, "NO_VERSION");
}

#[test]
fn a_time_trigger_starts_one_instance_for_each_time() {
    let mut world = World::new();
    let mut definition = with("PARALLEL");
    definition["workflow"]["time_triggers"] = json!([{ "cron": "*/5 * * * *" }]);
    world.push(definition).unwrap();
    for _ in 0..3 {
        world.step();
    }
    let view = world.workflow("w");
    assert!((1..=3).contains(&view.started), "{view:?}");
    assert!(view.instances[0].request_id.starts_with("time-0-"));
    world.tell(&Address::of::<Workflow>("w"), &Activate { version: None, by: String::new() }).unwrap();
    let started = world.workflow("w").started;
    for _ in 0..20 {
        world.step();
    }
    assert_eq!(world.workflow("w").started, started, "a workflow that is switched off starts nothing");
}
