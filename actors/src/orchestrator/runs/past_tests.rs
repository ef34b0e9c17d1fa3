//! Summaries of earlier runs, and the cleanup of child runs.

use serde_json::{Value as Json, json};
use troupe_runtime::Address;
use troupe_workflows::status::{InstanceStatus, StepStatus};

use super::world::World;
use super::{GetPastRun, RestartAt, RunView, WorkflowRun};
use crate::coordination::work_queues::{Failure, Grant, Outcome};
use crate::orchestrator::workflows::{DeleteWorkflow, RestartInstance, Workflow};
use crate::stored::NamedFields;

fn call(id: &str, next: Json) -> Json {
    json!({ "step": { "id": id, "type": "Http", "retry_policy": { "error_retry_limit": 1 },
        "params": { "url": { "value": "http://h/", "type": "STRING" } }, "transition": { "successors": next } } })
}

fn workflow(id: &str, steps: Json) -> Json {
    json!({ "properties": { "owner": "t" }, "workflow": { "id": id, "steps": steps } })
}

fn works(_: &Grant) -> Outcome {
    Outcome::Done { output: NamedFields(json!({ "status": 200 })) }
}

fn fails(_: &Grant) -> Outcome {
    Outcome::Failed { why: "500".into(), kind: Failure::User }
}

fn again(world: &mut World, workflow: &str, seen: u64, at: RestartAt) {
    let restart = RestartInstance { instance: 1, seen, at, params: NamedFields::default(), by: "ann".into() };
    world.tell(&Address::of::<Workflow>(workflow), &restart).unwrap();
}

fn past(world: &mut World, key: &str, run: u64) -> RunView {
    world.query(&Address::of::<WorkflowRun>(key), &GetPastRun { run })
}

#[test]
fn a_summary_of_an_earlier_run_is_kept() {
    let mut world = World::new();
    world
        .push(workflow("w", json!([call("first", json!({ "second": "true" })), call("second", json!({}))])))
        .unwrap();
    world.start("w", "a").unwrap();
    let mut calls = 0;
    let first = world.until_over("w:1", |grant| {
        calls += 1;
        if calls == 1 { works(grant) } else { fails(grant) }
    });
    again(&mut world, "w", 1, RestartAt::Incomplete);
    let second = world.until_over("w:1", works);
    assert_eq!((second.run, second.status.0), (2, InstanceStatus::Succeeded));
    let kept = past(&mut world, "w:1", 1);
    assert_eq!((kept.run, kept.status.0, kept.why), (1, InstanceStatus::Failed, first.why));
    assert_eq!((kept.started, kept.ended, kept.created), (first.started, first.ended, first.created));
    let steps = &kept.iterations[0].steps;
    let known: Vec<(&str, StepStatus, u32, usize)> = steps
        .iter()
        .map(|step| (step.id.as_str(), step.status.0, step.attempt, step.history.len()))
        .collect();
    assert_eq!(known, [("first", StepStatus::Succeeded, 1, 0), ("second", StepStatus::FatallyFailed, 2, 1)]);
    assert_eq!(
        (steps[1].started, steps[1].ended),
        (first.iterations[0].steps[1].started, first.iterations[0].steps[1].ended)
    );
    assert_eq!(steps[1].history, first.iterations[0].steps[1].history);
}

#[test]
fn the_newest_summaries_are_kept_within_a_bound() {
    let mut world = World::new();
    let step = |i: u64| json!({ "step": { "id": format!("s{i}"), "type": "NoOp" } });
    for (id, steps, kept) in [("few", 1, 20), ("many", 300, 3)] {
        world.push(workflow(id, (0..steps).map(step).collect())).unwrap();
        world.start(id, "a").unwrap();
        let key = format!("{id}:1");
        world.until_over(&key, works);
        for seen in 1..=25 {
            again(&mut world, id, seen, RestartAt::Beginning);
            world.until_over(&key, works);
        }
        let run = Address::of::<WorkflowRun>(key.as_str());
        let is_kept = |world: &mut World, run_number: u64| {
            world.refused(&run, &GetPastRun { run: run_number }).is_none()
        };
        let found: Vec<u64> = (1..=26).filter(|number| is_kept(&mut world, *number)).collect();
        assert_eq!(found, (26 - kept..26).collect::<Vec<u64>>(), "{id}");
        let why = world.refused(&run, &GetPastRun { run: 1 }).unwrap();
        assert_eq!((why.code.as_str(), why.field.as_deref()), ("NO_RUN", Some("run")));
    }
}

fn each(id: &str, count: u64, steps: Json) -> Json {
    let numbers: Vec<u64> = (0..count).collect();
    json!({ "foreach": { "id": id, "steps": steps, "params": { "loop_params": { "type": "MAP", "value": {
        "i": { "type": "LONG_ARRAY", "value": numbers } } } } } })
}

/// The keys of runs that are not forgotten.
fn alive(world: &mut World) -> Vec<String> {
    let runs: Vec<String> = world
        .keys()
        .filter(|address| address.kind == "workflow-runs")
        .map(|address| address.key.clone())
        .collect();
    runs.into_iter().filter(|key| world.view(key).of.is_some()).collect()
}

#[test]
fn child_runs_are_forgotten_with_their_iteration_attempt_or_run() {
    let mut world = World::new();
    let nothing = json!([{ "step": { "id": "nothing", "type": "NoOp" } }]);
    let inner = json!([each("inner", 3, nothing)]);
    world.push(workflow("nested", json!([each("outer", 1_200, inner)]))).unwrap();
    world.start("nested", "a").unwrap();
    world.until_over("nested:1", |_| panic!("no task is expected"));
    let mut expected: Vec<String> = (0..3).map(|batch| format!("nested:1/0.0.1.{batch}")).collect();
    expected.insert(0, "nested:1".to_owned());
    assert_eq!(
        alive(&mut world),
        expected,
        "those of the inner loops are gone, and those of the outer one stay"
    );
    again(&mut world, "nested", 1, RestartAt::Beginning);
    world.until_over("nested:1", |_| panic!("no task is expected"));
    let mut expected: Vec<String> = (0..3).map(|batch| format!("nested:1/0.0.2.{batch}")).collect();
    expected.insert(0, "nested:1".to_owned());
    assert_eq!(alive(&mut world), expected, "those of the run before are gone");
    world.tell(&Address::of::<Workflow>("nested"), &DeleteWorkflow { by: "t".into() }).unwrap();
    while world.step() {}
    assert!(alive(&mut world).is_empty());
    assert!(world.dead.is_empty(), "{:?}", world.dead);
}

#[test]
fn a_forgotten_instance_leaves_no_runs() {
    let mut world = World::new();
    let nothing = json!([{ "step": { "id": "nothing", "type": "NoOp" } }]);
    world.push(workflow("w", json!([each("loop", 2, nothing)]))).unwrap();
    for instance in 1..=520 {
        world.start("w", &format!("{instance}")).unwrap();
        world.until_over(&format!("w:{instance}"), |_| panic!("no task is expected"));
    }
    let alive = alive(&mut world);
    assert_eq!(alive.len(), 500 * 2, "an instance and its loop");
    assert!(!alive.contains(&"w:20".to_owned()) && alive.contains(&"w:21".to_owned()));
    assert!(world.dead.is_empty(), "{:?}", world.dead);
}

/// A loop of 600 batches: the values are so large that a batch has one.
fn long(id: &str) -> Json {
    let mut step = each(id, 600, json!([{ "step": { "id": "nothing", "type": "NoOp" } }]));
    let long = json!({ "type": "STRING_ARRAY", "value": ["x".repeat(40_000)] });
    step["foreach"]["params"]["loop_params"]["value"]["long"] = long;
    step
}

#[test]
fn a_restart_forgets_the_child_runs_of_the_earlier_run_in_portions() {
    let mut world = World::new();
    world.push(workflow("w", json!([long("loop")]))).unwrap();
    world.start("w", "a").unwrap();
    world.until_over("w:1", |_| panic!("no task is expected"));
    world.most = 0;
    again(&mut world, "w", 1, RestartAt::Beginning);
    world.until_over("w:1", |_| panic!("no task is expected"));
    let alive = alive(&mut world);
    let second = alive.iter().filter(|key| key.starts_with("w:1/0.0.2.")).count();
    assert_eq!((alive.len(), second), (601, 600), "those of the run before are gone, all of them");
    assert!(world.most < 300, "one entry sends {}", world.most);
    assert!(world.dead.is_empty(), "{:?}", world.dead);
}

#[test]
fn an_ended_run_continues_the_cleanup_of_its_last_iteration() {
    let mut world = World::new();
    world.push(workflow("w", json!([each("outer", 1, json!([long("inner")]))]))).unwrap();
    world.start("w", "a").unwrap();
    world.until_over("w:1", |_| panic!("no task is expected"));
    while world.due() == Some(world.now) && world.step() {}
    assert_eq!(alive(&mut world), ["w:1", "w:1/0.0.1.0"]);
    assert!(world.most < 300, "one entry sends {}", world.most);
    assert!(world.dead.is_empty(), "{:?}", world.dead);
}

#[test]
fn a_running_child_run_is_forgotten_at_its_end() {
    let mut world = World::new();
    let sleeps = json!([{ "step": { "id": "sleeps", "type": "Sleep",
        "params": { "sleep_seconds": { "value": 600, "type": "LONG" } } } }]);
    world.push(workflow("w", json!([each("outer", 2, json!([each("inner", 2, sleeps)]))]))).unwrap();
    world.start("w", "a").unwrap();
    let batch = Address::of::<WorkflowRun>("w:1/0.0.1.0");
    assert_eq!(alive(&mut world).len(), 4);
    world.tell(&batch, &super::Forget {}).unwrap();
    assert_eq!(alive(&mut world).len(), 4, "it goes on");
    world.until_over("w:1", |_| panic!("no task is expected"));
    while world.due() == Some(world.now) && world.step() {}
    assert_eq!((alive(&mut world), world.dead.len()), (vec!["w:1".to_owned()], 0));
}

#[test]
fn a_loop_of_many_batches_is_forgotten_in_portions() {
    let mut world = World::new();
    world.push(workflow("w", json!([long("loop")]))).unwrap();
    world.start("w", "a").unwrap();
    world.until_over("w:1", |_| panic!("no task is expected"));
    assert_eq!(alive(&mut world).len(), 601);
    world.largest = 0;
    world.tell(&Address::of::<Workflow>("w"), &DeleteWorkflow { by: "t".into() }).unwrap();
    let mut ticks = 0;
    while world.step() {
        ticks += 1;
    }
    assert!(alive(&mut world).is_empty() && ticks >= 2, "{ticks}");
    assert!(world.dead.is_empty(), "{:?}", world.dead);
}
