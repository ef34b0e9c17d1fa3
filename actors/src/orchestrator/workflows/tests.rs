use serde_json::json;
use troupe_runtime::{Address, Timestamp};
use troupe_workflows::status::InstanceStatus;

use super::{Activate, DeleteWorkflow, RestartInstance, SetProperties, Unblock, Workflow};
use crate::coordination::work_queues::{Failure, Outcome};
use crate::orchestrator::runs::world::World;

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
fn the_run_strategy_decides_which_instances_run() {
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
fn a_failed_instance_blocks_a_strict_sequence_until_it_is_unblocked() {
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
fn an_invalid_definition_is_refused_with_its_path_and_changes_nothing() {
    let mut world = World::new();
    let mut wrong = with("SEQUENTIAL");
    wrong["workflow"]["steps"][0]["step"]["transition"] = json!({ "successors": { "nowhere": "true" } });
    let refused = world.push(wrong).unwrap_err();
    assert!(refused.field.is_some_and(|field| field.starts_with("definition.")), "{}", refused.message);
    assert_eq!(world.workflow("w").newest, 0);
    let first = world.push(with("SEQUENTIAL")).unwrap();
    assert_eq!(
        (first, world.push(with("SEQUENTIAL")).unwrap()),
        (1, 1),
        "an equal definition makes no version"
    );
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

fn restart(instance: u64) -> RestartInstance {
    let at = crate::orchestrator::runs::RestartAt::Beginning;
    RestartInstance { instance, seen: 1, at, params: crate::stored::NamedFields::default(), by: "t".into() }
}

#[test]
fn a_restart_waits_for_its_turn_like_a_start() {
    use InstanceStatus::{Created, Failed, InProgress};
    let mut world = World::new();
    let w = Address::of::<Workflow>("w");
    world.push(with("SEQUENTIAL")).unwrap();
    world.start("w", "a").unwrap();
    let no = || Outcome::Failed { why: "no".into(), kind: Failure::User };
    world.until_over("w:1", |_| no());
    world.start("w", "b").unwrap();
    assert_eq!(world.tell(&w, &restart(1)).unwrap(), 2);
    assert_eq!(world.tell(&w, &restart(1)).unwrap(), 2, "the same restart once more is the same");
    assert_eq!(statuses(&mut world), [Created, InProgress]);
    world.until_over("w:2", |_| no());
    assert_eq!(statuses(&mut world), [InProgress, Failed]);
    assert_eq!(world.view("w:1").run, 2);
    world.until_over("w:1", |_| no());

    let mut world = World::new();
    world.push(with("FIRST_ONLY")).unwrap();
    world.start("w", "a").unwrap();
    world.until_over("w:1", |_| no());
    world.start("w", "b").unwrap();
    assert_eq!(world.tell(&w, &restart(1)).unwrap_err().code, "RUN_STRATEGY");
    assert_eq!(statuses(&mut world), [Failed, InProgress], "what is refused changes nothing");
}

#[test]
fn a_request_id_is_kept_after_its_instance_is_forgotten() {
    let mut world = World::new();
    let definition =
        json!({ "workflow": { "id": "w", "steps": [{ "step": { "id": "a", "type": "NoOp" } }] } });
    world.push(definition).unwrap();
    for request in 0..700 {
        world.start("w", &format!("r{request}")).unwrap();
    }
    let again = world.start("w", "r3").unwrap();
    assert_eq!((again.instance, again.version, again.fresh), (Some(4), 1, false));
    assert_eq!(world.workflow("w").started, 700);
    let get = super::GetInstance { instance: 699 };
    assert_eq!(world.query(&Address::of::<Workflow>("w"), &get).request_id, "r698");
}

#[test]
fn raises_that_wait_for_a_join_are_dropped_when_their_trigger_changes() {
    use crate::coordination::signals::{Raise, Signal};
    let mut world = World::new();
    let definition = |dedup: &str| {
        json!({ "is_active": true, "workflow": { "id": "w", "steps": [{ "step": { "id": "a", "type": "NoOp" } }],
            "signal_triggers": [{ "definitions": { "x": {}, "y": {} }, "dedup_expr": dedup }] } })
    };
    let mut raised = 0;
    let mut raise = |world: &mut World, name: &str| {
        raised += 1;
        let at = troupe_runtime::Timestamp(1);
        let raise =
            Raise { id: raised.to_string(), from: "t".into(), at, params: std::collections::BTreeMap::new() };
        world.tell(&Address::of::<Signal>(name), &raise).unwrap();
    };
    world.push(definition("'one'")).unwrap();
    raise(&mut world, "x");
    world.push(definition("'two'")).unwrap();
    raise(&mut world, "y");
    assert_eq!(world.workflow("w").started, 0, "what the trigger before heard is not joined by this one");
    raise(&mut world, "x");
    assert_eq!(world.workflow("w").started, 1);
}

#[test]
fn properties_change_without_a_version_and_a_deleted_workflow_leaves_only_its_numbers() {
    let mut world = World::new();
    let w = Address::of::<Workflow>("w");
    let parallel: SetProperties =
        serde_json::from_value(json!({ "properties": { "run_strategy": "PARALLEL" }, "by": "t" })).unwrap();
    assert_eq!(world.tell(&w, &parallel).unwrap_err().code, "NO_VERSION");
    world.push(with("SEQUENTIAL")).unwrap();
    for request in ["a", "b"] {
        world.start("w", request).unwrap();
    }
    assert_eq!(statuses(&mut world)[1], InstanceStatus::Created);
    world.tell(&w, &parallel).unwrap();
    assert_eq!(statuses(&mut world)[1], InstanceStatus::InProgress, "the new strategy has room");
    assert_eq!(world.workflow("w").newest, 1);
    let delete = DeleteWorkflow { by: "t".into() };
    assert_eq!(world.tell(&w, &delete).unwrap_err().code, "RUNNING");
    for run in ["w:1", "w:2"] {
        world.until_over(run, |_| Outcome::Failed { why: "no".into(), kind: Failure::User });
    }
    world.tell(&w, &delete).unwrap();
    assert!(world.view("w:1").of.is_none() && world.workflow("w").versions.is_empty());
    assert_eq!(world.start("w", "c").unwrap_err().code, "NO_VERSION");
    assert_eq!(world.push(with("SEQUENTIAL")).unwrap(), 2);
    assert_eq!(world.start("w", "a").unwrap().instance, Some(3), "numbers are not given again");
}

#[test]
fn the_example_retrains_for_drift_alarms_and_people_but_not_for_missing_rows() {
    use crate::coordination::signals::{Raise, Signal};
    let example: serde_json::Value =
        serde_json::from_str(include_str!("../../../../examples/retrain.json")).unwrap();
    for (what, instances) in [(Some("stale"), 0), (Some("value"), 1), (Some("errors"), 1), (None, 1)] {
        let mut world = World::new();
        world.push(example.clone()).unwrap();
        let params = what.map(|what| ("what".to_owned(), what.to_owned())).into_iter().collect();
        let raise = Raise { id: "1".into(), from: "t".into(), at: Timestamp(1), params };
        world.tell(&Address::of::<Signal>("taste_moved"), &raise).unwrap();
        let view = world.workflow("retrain-recommend");
        assert_eq!(view.instances.len(), instances, "{what:?}: {:?}", view.timeline);
    }
}
