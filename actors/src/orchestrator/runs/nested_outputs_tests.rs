//! Outputs of steps inside loops and subworkflows.

use serde_json::{Value as Json, json};
use troupe_workflows::params::Lookup as _;
use troupe_workflows::params::Value;
use troupe_workflows::status::{InstanceStatus, StepStatus};

use super::RunView;
use super::world::World;

fn workflow(id: &str, steps: Json) -> Json {
    json!({ "properties": { "owner": "tester" }, "workflow": { "id": id, "steps": steps } })
}

/// A step with only parameters.
fn plain(id: &str, params: Json, next: Json) -> Json {
    let params: serde_json::Map<String, Json> = params
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, expression)| {
            let sort = if name.ends_with('s') {
                "LONG_ARRAY"
            } else if name == "word" {
                "STRING"
            } else {
                "LONG"
            };
            (name.clone(), json!({ "expression": expression, "type": sort }))
        })
        .collect();
    json!({ "step": { "id": id, "type": "NoOp", "params": params, "transition": { "successors": next } } })
}

fn foreach(id: &str, iterations: u64, steps: Json, next: Json) -> Json {
    let numbers = json!({ "i": { "expression": format!("Util.intsBetween(0, {iterations}, 1)"), "type": "LONG_ARRAY" } });
    json!({ "foreach": { "id": id, "concurrency": 7, "steps": steps, "transition": { "successors": next },
        "params": { "loop_params": { "type": "MAP", "value": numbers } } } })
}

fn ran(world: &mut World, steps: Json) -> RunView {
    world.push(workflow("w", steps)).unwrap();
    world.start("w", "a").unwrap();
    world.until_over("w:1", |_| panic!("no task is expected"))
}

fn value(view: &RunView, step: &str, param: &str) -> Option<Value> {
    view.iterations[0].steps.iter().find(|held| held.id == step)?.params.0.value(param)
}

#[test]
fn a_step_reads_the_outputs_of_an_earlier_loops_iterations() {
    let mut world = World::new();
    let inner = json!([
        plain("square", json!({ "x": "i * i" }), json!({ "odd": "i % 2 == 1" })),
        plain("odd", json!({ "word": "'n' + i" }), json!({})),
    ]);
    let asks = json!({
        "squares": "params.getFromForeach('each', 'square', 'x')",
        "words": "x = params.getFromForeach('each', 'odd', 'word'); return new long[]{x.length};",
    });
    let steps =
        json!([foreach("each", 1_200, inner, json!({ "ask": "true" })), plain("ask", asks, json!({}))]);
    let view = ran(&mut world, steps);
    assert_eq!(view.status.0, InstanceStatus::Succeeded, "{}", view.why);
    assert_eq!(value(&view, "ask", "squares"), Some(Value::LongArray((0..1_200).map(|i| i * i).collect())));
    assert_eq!(value(&view, "ask", "words"), Some(Value::LongArray(vec![600])), "of those that ran");
    assert!(world.dead.is_empty(), "{:?}", world.dead);
}

#[test]
fn only_requested_outputs_are_kept_and_outputs_beyond_the_bound_are_missing() {
    let mut world = World::new();
    let large = |next: Json| {
        let inner = json!([plain("one", json!({ "word": "'long'.repeat(100) + i" }), json!({}))]);
        foreach("each", 600, inner, next)
    };
    let view = ran(&mut world, json!([large(json!({}))]));
    assert!(
        view.status.0 == InstanceStatus::Succeeded
            && !format!("{:?}", view.timeline).contains("none is kept")
    );
    let ask = plain("ask", json!({ "x": "params.getFromForeach('each', 'one', 'word').length" }), json!({}));
    let mut world = World::new();
    let view = ran(&mut world, json!([large(json!({ "ask": "true" })), ask]));
    let asked = &view.iterations[0].steps[1];
    assert_eq!((view.status.0, asked.status.0), (InstanceStatus::Failed, StepStatus::FatallyFailed));
    assert!(asked.why.contains("foreach each has no parameter word of step one"), "{}", asked.why);
    assert!(format!("{:?}", view.timeline).contains("none is kept"), "{:?}", view.timeline);
}

#[test]
fn a_step_reads_a_parameter_of_a_step_in_an_earlier_subworkflow() {
    let mut world = World::new();
    world
        .push(workflow("inner", json!([plain("made", json!({ "x": "6 * 7", "word": "'done'" }), json!({}))])))
        .unwrap();
    let sub = json!({ "subworkflow": { "id": "sub", "sync": true, "transition": { "successors": { "ask": "params.getFromSubworkflow('sub', 'made', 'x') == 42" } },
        "params": { "subworkflow_id": { "value": "inner", "type": "STRING" },
            "subworkflow_version": { "value": "latest", "type": "STRING" } } } });
    let asks = json!({ "x": "params.getFromSubworkflow('sub', 'made', 'x') + 1", "word": "params.getFromSubworkflow('sub', 'made', 'word')" });
    let view = ran(&mut world, json!([sub, plain("ask", asks, json!({}))]));
    assert_eq!(view.status.0, InstanceStatus::Succeeded, "{} {:?}", view.why, world.dead);
    let found = (value(&view, "ask", "x"), value(&view, "ask", "word"));
    assert_eq!(found, (Some(Value::Long(43)), Some(Value::from("done"))));
}
