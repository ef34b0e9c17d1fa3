//! The stored and sent JSON names of a run: they stay when a Rust field is renamed.

use serde_json::{Value as Json, json};
use troupe_workflows::Ordered;

use super::change::Live;
use super::cleanup::Cleanup;
use super::iteration::Iteration;
use super::loop_run::LoopRun;
use super::{Act, GetLoop, Head};

fn has(value: &Json, names: &[&str]) {
    for name in names {
        assert!(value.get(name).is_some(), "{name} in {value}");
    }
}

#[test]
fn stored_fields_keep_their_json_names() {
    let mut iteration = Iteration::new(Ordered::new(), 1);
    iteration.steps[0].looping = Some(LoopRun::single(1));
    let cleanup: Cleanup =
        serde_json::from_value(json!({ "lane": 1, "place": 2, "attempt": 3, "left": 4 })).unwrap();
    let live = Live { iterations: [(0, iteration)].into(), cleanup: vec![cleanup], ..Live::default() };
    let stored = serde_json::to_value(&live).unwrap();
    has(&stored, &["head", "params", "lanes", "leftovers", "failures", "timeline"]);
    has(&stored["leftovers"][0], &["lane", "place", "attempt", "left"]);
    let step = &stored["lanes"]["0"]["steps"][0];
    has(step, &["status", "ways", "attempt", "failures", "until", "looping", "awaited", "resumed"]);
    has(&step["looping"], &["total", "stretch", "within", "at_once", "next", "running"]);
    let head = Head { forget_at_end: true, mirrored: true, ..Head::default() };
    has(&serde_json::to_value(head).unwrap(), &["next_lane", "unasked", "recorded"]);
    assert_eq!(serde_json::from_value::<Live>(stored).unwrap(), live);
}

#[test]
fn requests_keep_the_lane_in_their_json() {
    let act: Act = serde_json::from_value(json!({ "step": "a", "act": "skip", "lane": 7 })).unwrap();
    assert_eq!(act.iteration, 7);
    let get: GetLoop = serde_json::from_value(json!({ "step": "a", "lane": 7, "iteration": 9 })).unwrap();
    assert_eq!((get.outer_iteration, get.iteration), (7, 9));
}
