//! The bounds of a run's log entries for extreme definitions.

use serde_json::{Value as Json, json};
use troupe_runtime::Address;
use troupe_workflows::status::{InstanceStatus, StepStatus};

use super::world::World;
use crate::coordination::signals::{GetSignal, Signal};

/// Bytes of a decision that fits the transport's frame limit.
const DECISION_BYTES: usize = 200 << 10;

fn workflow(id: &str, steps: Json) -> Json {
    json!({ "properties": { "owner": "tester", "run_strategy": "PARALLEL" }, "workflow": { "id": id, "steps": steps } })
}

fn foreach(id: &str, arrays: Json, steps: Json) -> Json {
    json!({ "foreach": { "id": id, "concurrency": 400, "steps": steps,
        "params": { "loop_params": { "type": "MAP", "value": arrays } } } })
}

#[test]
fn a_loop_over_values_of_different_sizes_begins_batches_that_fit() {
    let mut world = World::new();
    // Only the first value is small: a batch sized by it would contain 500 large ones.
    let long: Vec<String> = (0..20).map(|at| if at == 0 { "s".into() } else { "l".repeat(2_000) }).collect();
    let arrays = json!({ "i": { "type": "STRING_ARRAY", "value": long },
        "j": { "type": "LONG_ARRAY", "value": (0..60).collect::<Vec<u32>>() } });
    let steps = json!([foreach("each", arrays, json!([{ "step": { "id": "nothing", "type": "NoOp" } }]))]);
    world.push(workflow("w", steps)).unwrap();
    world.largest = 0;
    world.start("w", "a").unwrap();
    let view = world.until_over("w:1", |_| panic!("no task is expected"));
    assert_eq!(view.status.0, InstanceStatus::Succeeded, "{view:?}");
    let (total, counts) = view.iterations[0].steps[0].iterations.unwrap();
    assert_eq!((total, counts.succeeded), (20 * 60, 20 * 60));
    assert!(world.largest < DECISION_BYTES, "{} bytes in one decision", world.largest);
    assert!(world.dead.is_empty(), "{:?}", world.dead);
}

#[test]
fn many_large_steps_at_once_are_begun_entry_by_entry() {
    let mut world = World::new();
    let step = |at: usize| {
        json!({ "step": { "id": format!("s{at}"), "type": "Http", "params": {
            "url": { "value": "http://h/", "type": "STRING" }, "body": { "expression": "large", "type": "STRING" } } } })
    };
    let mut definition = workflow("w", (0..20).map(step).collect());
    definition["workflow"]["params"] = json!({ "large": { "value": "l".repeat(30_000), "type": "STRING" } });
    world.push(definition).unwrap();
    world.largest = 0;
    world.start("w", "a").unwrap();
    let view = world.until_over("w:1", |_| crate::coordination::work_queues::Outcome::Done {
        output: crate::stored::NamedFields(json!({})),
    });
    assert_eq!(view.status.0, InstanceStatus::Succeeded, "{view:?}");
    assert!(world.largest < DECISION_BYTES, "{} bytes in one decision", world.largest);
}

#[test]
fn a_large_definition_is_written_once_when_an_instance_starts() {
    let mut world = World::new();
    let step = |at: usize| json!({ "step": { "id": format!("s{at}"), "type": "NoOp", "description": "d".repeat(900) } });
    let steps: Vec<Json> = (0..190).map(step).collect();
    let bytes = serde_json::to_vec(&steps).unwrap().len();
    world.push(workflow("w", json!(steps))).unwrap();
    world.largest = 0;
    world.start("w", "a").unwrap();
    assert!(world.largest < bytes + (48 << 10), "{} bytes for a definition of {bytes}", world.largest);
    let view = world.until_over("w:1", |_| panic!("no task is expected"));
    assert_eq!((view.status.0, view.iterations[0].steps.len()), (InstanceStatus::Succeeded, 190));
}

#[test]
fn a_workflow_that_starts_itself_fails_with_a_hint() {
    let mut world = World::new();
    let again = json!({ "subworkflow": { "id": "again", "params": {
        "subworkflow_id": { "value": "w", "type": "STRING" },
        "subworkflow_version": { "value": "latest", "type": "STRING" } } } });
    world.push(workflow("w", json!([again]))).unwrap();
    world.start("w", "a").unwrap();
    let view = world.until_over("w:1", |_| panic!("no task is expected"));
    assert_eq!(view.status.0, InstanceStatus::Failed);
    assert_eq!(world.workflow("w").started, 11);
    let deepest = world.view("w:11");
    assert!(deepest.why.contains("see whether it starts itself"), "{}", deepest.why);
}

#[test]
fn a_loop_in_nested_loops_with_long_names_has_a_short_key() {
    let mut world = World::new();
    let id = "w".repeat(120);
    let array = json!({ "i": { "type": "LONG_ARRAY", "value": [1, 2] } });
    let raise = json!([{ "step": { "id": "says", "type": "NoOp", "signal_outputs": [{ "name": "n".repeat(120) }] } }]);
    let nested = (0..8).fold(raise, |inner, at| json!([foreach(&format!("f{at}"), array.clone(), inner)]));
    world.push(workflow(&id, nested)).unwrap();
    world.start(&id, "a").unwrap();
    let view = world.until_over(&format!("{id}:1"), |_| panic!("no task is expected"));
    assert_eq!(view.status.0, InstanceStatus::Succeeded, "{view:?}");
    assert!(world.dead.is_empty(), "{:?}", world.dead.first());
    let longest = world.keys().map(|to| to.key.len()).max().unwrap();
    assert!(longest <= 256, "a key of {longest} bytes");
    let signal = world.query(&Address::of::<Signal>("n".repeat(120)), &GetSignal {});
    assert_eq!(signal.raised, 256, "each iteration raises once");
}

#[test]
fn the_result_of_each_iteration_is_kept_after_the_loop() {
    use super::{GetIterations, GetLoop, WorkflowRun};
    let mut world = World::new();
    let arrays = json!({ "i": { "type": "LONG_ARRAY", "value": (0..1_200).collect::<Vec<u32>>() } });
    let inner = json!([{ "step": { "id": "odd", "type": "NoOp",
        "transition": { "successors": { "end": "1 / (i - 700) < 5000" } } } }, { "step": { "id": "end", "type": "NoOp" } }]);
    world.push(workflow("w", json!([foreach("each", arrays, inner)]))).unwrap();
    world.start("w", "a").unwrap();
    world.until_over("w:1", |_| panic!("no task is expected"));
    let run = Address::of::<WorkflowRun>("w:1");
    let mut ended = Vec::new();
    let mut failures = Vec::new();
    let mut at = 0;
    while at < 1_200 {
        let held = world.query(&run, &GetLoop { step: "each".into(), outer_iteration: 0, iteration: at });
        assert_eq!((held.total, held.range.0), (1_200, at));
        let view = world.query(&Address::of::<WorkflowRun>(held.key.unwrap()), &GetIterations {});
        assert!(view.running.is_empty());
        ended.extend(view.over.into_iter().map(|(number, status)| (number, status.0)));
        failures.extend(view.failures);
        at = held.range.1;
    }
    let expected: Vec<(u64, InstanceStatus)> = (0..1_200)
        .map(|at| (at, if at == 700 { InstanceStatus::Failed } else { InstanceStatus::Succeeded }))
        .collect();
    assert_eq!(ended, expected);
    assert_eq!(failures.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [700]);
}

#[test]
fn a_step_that_fails_at_its_edges_raises_no_signal() {
    let mut world = World::new();
    let steps = json!([
        { "step": { "id": "a", "type": "NoOp", "signal_outputs": [{ "name": "done" }],
            "params": { "zero": { "value": 0, "type": "LONG" } },
            "transition": { "successors": { "b": "1 / zero > 1" } } } },
        { "step": { "id": "b", "type": "NoOp" } },
    ]);
    world.push(workflow("w", steps)).unwrap();
    world.start("w", "a").unwrap();
    let view = world.until_over("w:1", |_| panic!("no task is expected"));
    assert_eq!(view.status.0, InstanceStatus::Failed);
    assert_eq!(view.iterations[0].steps[0].status.0, StepStatus::InternallyFailed);
    assert_eq!(world.query(&Address::of::<Signal>("done"), &GetSignal {}).raised, 0);
}

#[test]
fn a_range_of_a_hundred_thousand_is_one_parameter_in_each_layer() {
    let range = |name: &str| json!({ name: { "expression": "Util.intsBetween(0, 100000, 1)", "type": "LONG_ARRAY" } });
    let named = json!({ "i": { "expression": "numbers", "type": "LONG_ARRAY" } });
    for (name, around, arrays) in
        [("its own", json!({}), range("i")), ("the workflow's", range("numbers"), named)]
    {
        let mut world = World::new();
        let nothing = json!([{ "step": { "id": "nothing", "type": "NoOp" } }]);
        let mut definition = workflow("w", json!([foreach("each", arrays, nothing)]));
        definition["workflow"]["params"] = around;
        world.push(definition).unwrap();
        world.largest = 0;
        world.start("w", "a").unwrap();
        let begun = world.view("w:1").iterations[0].steps[0].clone();
        assert_eq!(begun.iterations.map(|(total, _)| total), Some(100_000), "{name}: {begun:?}");
        assert!(begun.params.0["loop_params"].evaluated.is_some());
        assert!(world.largest < DECISION_BYTES, "{name}: {} bytes in one decision", world.largest);
    }
}
