mod definitions;
mod deliveries;
mod executions;
mod histories;
mod stages;
mod traffic;
mod world;

use serde_json::{Value, json};
use troupe_runtime::Timestamp;

use super::{Cancel, Delivery, Judge, Pause, RestartStage, Resume, Status, checked, pipeline, read};
use crate::canary_analysis::{Canary, JudgeLook, Pair};
use crate::coordination::signals::{Raise, Signal};
use crate::coordination::work_queues::{Failure, Finished, Outcome};
use crate::delivery::executions::Deployment;
use crate::delivery::pipelines::{Pipeline, PutPipeline};
use crate::models::Stage;
use crate::stored::NamedFields;
use world::World;

fn put(world: &mut World, definition: Value) {
    let name = definition["name"].as_str().unwrap().to_owned();
    world
        .ask::<Pipeline, _>(&name, &PutPipeline { definition: NamedFields(definition), by: "tester".into() })
        .unwrap();
    world.settle();
}

/// A delivery that takes half a minute.
fn short() -> Value {
    pipeline(&Delivery { lifetime_s: 10, interval_s: 5, begin_after_s: 2, step_s: 3, ..Delivery::default() })
}

fn staged(stages: Value) -> Value {
    json!({ "name": "p", "application": "a", "stages": stages, "keepWaitingPipelines": true })
}

fn pairs(good: bool) -> Vec<Pair> {
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
fn look(world: &mut World, good: bool) {
    for canary in world.canaries() {
        let view = world.view(&canary);
        if !view["verdict"].is_null() || view["started"].is_null() {
            continue;
        }
        let look = view["looks"].as_array().unwrap().len() as u64;
        let _ = world.ask::<Canary, _>(&canary, &JudgeLook { look, pairs: pairs(good) });
    }
}
