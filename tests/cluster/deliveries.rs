//! A delivery whose node dies in the middle of the canary: another node goes on with the same canary, to the right end.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use troupe_actors::NamedFields;
use troupe_actors::canary_analysis::{Canary, GetCanary, JudgeLook, Pair};
use troupe_actors::coordination::directory::{Directory, GetDirectory};
use troupe_actors::delivery::executions::{Delivery, Deployment, GetDeployment, Run, Status, pipeline};
use troupe_actors::delivery::pipelines::{Pipeline, PutPipeline, StartPipeline};
use troupe_actors::delivery::traffic::{GetTraffic, Traffic};
use troupe_actors::models::{GetModel, Lineage, Model, Promote, Publish, Stage};
use troupe_lake::Sha256;
use troupe_runtime::observe::Role;
use troupe_runtime::{Address, AskOptions, Command, Router};

use super::world::{World, config};

const WITHIN: Duration = Duration::from_secs(10);

async fn told<C: Command>(router: &Router, to: &Address, command: &C) -> C::Reply {
    router.ask(to, command, AskOptions::within(WITHIN)).await.unwrap()
}

async fn run(router: &Router, id: &str) -> Option<Run> {
    let to = Address::of::<Deployment>(id);
    router.query(&to, &GetDeployment {}, WITHIN).await.ok().map(|run| run.0)
}

/// The running node that leads an entity's shard.
async fn leader(world: &World, of: &Address) -> Option<u16> {
    let shard = world.router().shard_of(of).unwrap();
    let leads = |view: &troupe_runtime::observe::NodeView| {
        view.shards.iter().any(|held| held.shard == shard && held.role == Role::Leader)
    };
    world.views().await.iter().find(|view| leads(view)).map(|view| view.node.0)
}

async fn publish(router: &Router) {
    let model = Address::of::<Model>("recommend");
    for version in 1..=2_u8 {
        let publish = Publish {
            algorithm: "ease".into(),
            artifact: Sha256([version; 32]),
            vocabulary: Sha256([9; 32]),
            items: 4,
            metrics: BTreeMap::new(),
            lineage: Lineage::default(),
        };
        told(router, &model, &publish).await;
    }
    told(router, &model, &Promote { version: 1, to: Stage::Champion, seen: 2 }).await;
}

fn pairs(good: bool) -> Vec<Pair> {
    let points = |from: f64| (0..60).map(|x| Some(from + f64::from(x % 7))).collect::<Vec<_>>();
    let pair = |name: &str| Pair {
        name: name.into(),
        control: points(3.0),
        experiment: points(if good || name == "requests" { 3.0 } else { 60.0 }),
        ..Pair::default()
    };
    ["errors", "latency_p50_ms", "latency_ms", "requests"].map(pair).into()
}

fn start(request: &str) -> StartPipeline {
    let parameters = json!({ "version": 2 }).as_object().cloned().unwrap();
    StartPipeline {
        request: request.into(),
        by: "ann".into(),
        parameters: NamedFields(parameters),
        trigger: NamedFields::default(),
    }
}

async fn delivers(good: bool) {
    let mut world = World::of(troupe_actors::registry(), 3, config()).await;
    let router = world.router();
    publish(&router).await;
    let delivery = Delivery { lifetime_s: 60, interval_s: 30, step_s: 0, ..Delivery::default() };
    let deliver = Address::of::<Pipeline>("deliver");
    let put = PutPipeline { definition: NamedFields(pipeline(&delivery)), by: "ann".into() };
    told(&router, &deliver, &put).await;
    let started = told(&router, &deliver, &start("r1")).await;
    assert_eq!((started.execution.as_str(), started.duplicate), ("deliver:1", false));
    let waits = async |router: &Router| {
        run(router, "deliver:1").await.is_some_and(|run| run.stages["canary"].status == Status::Running)
    };
    world.until("the canary runs", async || waits(&router).await).await;

    let deployment = Address::of::<Deployment>("deliver:1");
    let first = leader(&world, &deployment).await.expect("a node leads it");
    world.kill(first);
    let router = world.router();
    world.until("another node leads it", async || leader(&world, &deployment).await.is_some()).await;
    assert!(told(&router, &deliver, &start("r1")).await.duplicate, "the request is known");

    let canary = Address::of::<Canary>("deliver:1-canary-1");
    for look in 0..2 {
        let judged = told(&router, &canary, &JudgeLook { look, pairs: pairs(good) }).await;
        if judged.verdict.is_some() {
            break;
        }
    }
    let ended = async || run(&router, "deliver:1").await.is_some_and(|run| run.status.is_over());
    world.until("it ends", async || ended().await).await;

    let run = run(&router, "deliver:1").await.unwrap();
    let expected = if good { Status::Succeeded } else { Status::Terminal };
    assert_eq!(run.status, expected, "{}", run.why);
    let stages = if good { [Stage::Archived, Stage::Champion] } else { [Stage::Champion, Stage::Archived] };
    world
        .until("the versions are where they belong", async || {
            let model = Address::of::<Model>("recommend");
            let model = router.query(&model, &GetModel {}, WITHIN).await;
            model.is_ok_and(|model| [model.versions[0].stage, model.versions[1].stage] == stages)
        })
        .await;
    let traffic = Address::of::<Traffic>("recommend");
    let back = async || {
        let traffic = router.query(&traffic, &GetTraffic {}, WITHIN).await;
        traffic.is_ok_and(|traffic| traffic.split.0.is_none() && traffic.by.is_none())
    };
    world.until("the champion answers everybody", async || back().await).await;
    let view = router.query(&traffic, &GetTraffic {}, WITHIN).await.unwrap();
    let returns = view.changes.0.iter().filter(|change| change.split.is_none()).count();
    assert_eq!(returns, 1, "{:?}", view.changes);

    let began = run.notes.iter().filter(|note| note.what == "stage canary began").count();
    assert_eq!((began, run.stages["canary"].attempt), (1, 1));
    let listed = router.query(&Directory::of::<Canary>(), &GetDirectory {}, WITHIN).await.unwrap();
    let listed: Vec<&str> = listed.entries.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(listed, ["deliver:1-canary-1"], "one canary");
    let looks = router.query(&canary, &GetCanary {}, WITHIN).await.unwrap().looks.len();
    assert_eq!(looks, if good { 2 } else { 1 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_dies_in_mid_canary_takes_nothing_with_it_and_the_good_version_is_promoted() {
    delivers(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_dies_in_mid_canary_takes_nothing_with_it_and_the_bad_version_is_rolled_back() {
    delivers(false).await;
}
