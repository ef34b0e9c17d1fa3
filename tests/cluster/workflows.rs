//! A workflow whose run's leader dies in the middle: it ends as its definition says, and nothing of it happens twice.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use troupe_actors::NamedFields;
use troupe_actors::coordination::signals::{GetSignal, Signal};
use troupe_actors::coordination::work_queues::{Claim, Finish, Grant, Outcome, queue_of, queues};
use troupe_actors::orchestrator::runs::{GetRun, RunView, WorkflowRun, key_of};
use troupe_actors::orchestrator::workflows::{GetWorkflow, Push, StartWorkflow, Workflow};
use troupe_runtime::observe::Role;
use troupe_runtime::{Address, AskOptions, Command, Router};
use troupe_workflows::status::{InstanceStatus, StepStatus};

use super::world::{World, config};

const WITHIN: Duration = Duration::from_secs(10);
const ITERATIONS: u64 = 12;

async fn told<C: Command>(router: &Router, to: &Address, command: &C) -> C::Reply {
    router.ask(to, command, AskOptions::within(WITHIN)).await.unwrap()
}

async fn view(router: &Router) -> RunView {
    let to = Address::of::<WorkflowRun>(key_of("w", 1));
    router.query(&to, &GetRun {}, WITHIN).await.unwrap()
}

async fn leader(world: &World, of: &Address) -> Option<u16> {
    let shard = world.router().shard_of(of).unwrap();
    let leads = |view: &troupe_runtime::observe::NodeView| {
        view.shards.iter().any(|held| held.shard == shard && held.role == Role::Leader)
    };
    world.views().await.iter().find(|view| leads(view)).map(|view| view.node.0)
}

async fn claim(router: &Router) -> Vec<Grant> {
    let claim = Claim { worker: "w".into(), room: BTreeMap::from([("http".to_owned(), 100)]) };
    let mut grants = Vec::new();
    for queue in queues() {
        grants.extend(told(router, &queue, &claim).await.tasks);
    }
    grants
}

/// Ends a task; whether it counts.
async fn finish(router: &Router, grant: &Grant) -> bool {
    let outcome = Outcome::Done { output: NamedFields(json!({ "status": 200 })) };
    let finish = Finish { id: grant.id.clone(), fence: grant.fence, outcome };
    told(router, &queue_of(&grant.id), &finish).await
}

fn definition() -> serde_json::Value {
    let http = |id: &str, next: serde_json::Value| {
        json!({ "step": { "id": id, "type": "Http", "transition": { "successors": next },
            "params": { "url": { "value": "http://h/", "type": "STRING" } } } })
    };
    let says = |id: &str, next: serde_json::Value| {
        json!({ "step": { "id": id, "type": "NoOp", "transition": { "successors": next },
            "signal_outputs": [{ "name": format!("{id}_done") }] } })
    };
    let numbers: Vec<u64> = (0..ITERATIONS).collect();
    json!({ "properties": { "owner": "t" }, "workflow": { "id": "w",
        "params": { "also": { "value": false, "type": "BOOLEAN" } }, "steps": [
        says("first", json!({ "each": "true", "never": "also" })),
        { "foreach": { "id": "each", "concurrency": 4, "transition": { "successors": { "after": "true" } },
            "params": { "loop_params": { "type": "MAP", "value": { "i": { "type": "LONG_ARRAY", "value": numbers } } } },
            "steps": [http("inner", json!({}))] } },
        http("after", json!({ "last": "params.getFromStep('after', 'status') == 200" })),
        http("never", json!({})),
        says("last", json!({})),
    ] } })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workflow_whose_leader_dies_in_the_middle_ends_as_defined_and_each_step_runs_once() {
    let mut world = World::of(troupe_actors::registry(), 3, config()).await;
    let mut router = world.router();
    let workflow = Address::of::<Workflow>("w");
    told(&router, &workflow, &Push { definition: NamedFields(definition()), by: "t".into() }).await;
    let start: StartWorkflow =
        serde_json::from_value(json!({ "request_id": "r", "version": "latest" })).unwrap();
    assert_eq!(told(&router, &workflow, &start).await.instance, Some(1));

    let mut ended: BTreeMap<String, u64> = BTreeMap::new();
    let mut killed = false;
    let patience = tokio::time::Instant::now() + Duration::from_secs(60);
    while !view(&router).await.status.0.is_terminal() {
        assert!(tokio::time::Instant::now() < patience, "{:?}", view(&router).await);
        let grants = claim(&router).await;
        for (at, grant) in grants.iter().enumerate() {
            // In the middle of the loop, with one task of several done.
            if !killed && at == 1 && ended.len() >= 4 {
                let run = Address::of::<WorkflowRun>(key_of("w", 1));
                world.kill(leader(&world, &run).await.expect("a node leads it"));
                killed = true;
                router = world.router();
                world.until("another node leads it", async || leader(&world, &run).await.is_some()).await;
            }
            if finish(&router, grant).await {
                *ended.entry(grant.id.clone()).or_default() += 1;
            }
        }
        tokio::task::yield_now().await;
    }
    assert!(killed, "the node died while the workflow ran");
    let view = view(&router).await;
    assert_eq!(view.status.0, InstanceStatus::Succeeded, "{}", view.why);
    let steps: Vec<(&str, StepStatus, u32)> =
        view.iterations[0].steps.iter().map(|step| (step.id.as_str(), step.status.0, step.attempt)).collect();
    let done = StepStatus::Succeeded;
    let expected = [
        ("first", done, 1),
        ("each", done, 1),
        ("after", done, 1),
        ("never", StepStatus::Unsatisfied, 0),
        ("last", done, 1),
    ];
    assert_eq!(steps, expected);
    let (total, counts) = view.iterations[0].steps[1].iterations.unwrap();
    assert_eq!((total, counts.succeeded, counts.failed), (ITERATIONS, ITERATIONS, 0));
    assert_eq!(
        ended.len() as u64,
        ITERATIONS + 1,
        "a task for each iteration and for the step after: {ended:?}"
    );
    assert!(ended.values().all(|times| *times == 1), "{ended:?}");
    assert!(ended.keys().all(|id| id.ends_with(".1")), "nothing was tried a second time: {ended:?}");
    for signal in ["first_done", "last_done"] {
        let raised = router.query(&Address::of::<Signal>(signal), &GetSignal {}, WITHIN).await.unwrap();
        assert_eq!(raised.raised, 1, "{signal}");
    }
    let known =
        router.query(&workflow, &GetWorkflow { instances: None, version: None }, WITHIN).await.unwrap();
    assert_eq!((known.started, known.instances[0].status.0), (1, InstanceStatus::Succeeded));
}
