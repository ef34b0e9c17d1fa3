//! Pipelines and helpers of the tests.

pub(super) use serde_json::{Value, json};
pub(super) use troupe_runtime::Timestamp;

pub(super) use super::super::{
    Cancel, Delivery, Judge, Pause, RestartStage, Resume, Status, checked, pipeline, read,
};
pub(super) use super::world::World;
pub(super) use crate::canary_analysis::{Canary, JudgeLook, Pair};
pub(super) use crate::coordination::signals::{Raise, Signal};
pub(super) use crate::coordination::work_queues::{Failure, Finished, Outcome};
pub(super) use crate::delivery::executions::Deployment;
pub(super) use crate::delivery::pipelines::{Pipeline, PutPipeline};
pub(super) use crate::models::Stage;
pub(super) use crate::stored::NamedFields;

pub(super) fn put(world: &mut World, definition: Value) {
    let name = definition["name"].as_str().unwrap().to_owned();
    world
        .ask::<Pipeline, _>(&name, &PutPipeline { definition: NamedFields(definition), by: "tester".into() })
        .unwrap();
    world.settle();
}

/// A delivery that takes half a minute.
pub(super) fn short() -> Value {
    pipeline(&Delivery { lifetime_s: 10, interval_s: 5, begin_after_s: 2, step_s: 3, ..Delivery::default() })
}

pub(super) fn staged(stages: Value) -> Value {
    json!({ "name": "p", "application": "a", "stages": stages, "keepWaitingPipelines": true })
}

pub(super) fn pairs(good: bool) -> Vec<Pair> {
    let points = |from: f64| (0..40).map(|x| Some(from + (x % 7) as f64)).collect::<Vec<_>>();
    ["errors", "latency_p50_ms", "latency_ms", "requests"]
        .map(|name| Pair {
            name: name.into(),
            control: points(3.0),
            experiment: points(if good || name == "requests" { 3.0 } else { 90.0 }),
            ..Pair::default()
        })
        .into()
}

/// Brings each canary that runs its next look.
pub(super) fn look(world: &mut World, good: bool) {
    for canary in world.canaries() {
        let view = world.view(&canary);
        if !view["verdict"].is_null() || view["started"].is_null() {
            continue;
        }
        let look = view["looks"].as_array().unwrap().len() as u64;
        let _ = world.ask::<Canary, _>(&canary, &JudgeLook { look, pairs: pairs(good) });
    }
}
