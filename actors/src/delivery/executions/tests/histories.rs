//! Random histories: verdicts, answers, timeouts and commands of people in any order, with repetitions.

use serde_json::json;
use troupe_runtime::Timestamp;

use super::fixtures::{look, put, short, staged};
use super::world::World;
use crate::canary_analysis;
use crate::canary_analysis::Canary;
use crate::coordination::signals::{Raise, Signal};
use crate::coordination::work_queues::{Failure, Finished, Outcome};
use crate::delivery::executions::{Cancel, Deployment, Judge, Pause, RestartStage, Resume, Status};
use crate::models::Stage;
use crate::stored::NamedFields;

const STAGES: [&str; 6] = ["deploy", "canary", "weight-25", "promote", "ask", "hook"];

fn meddle(world: &mut World) {
    let all = world.deployments();
    if all.is_empty() {
        return;
    }
    let key = all[world.below(all.len())].clone();
    let stage = STAGES[world.below(STAGES.len())].to_owned();
    let by = || "ann".to_owned();
    // Most of these are refused; the test checks the state that they leave.
    match world.below(12) {
        0 if world.below(8) == 0 => {
            drop(world.ask::<Deployment, _>(&key, &Cancel { by: by(), why: "enough".into() }));
        }
        1 => drop(world.ask::<Deployment, _>(&key, &Pause { by: by() })),
        2..=4 => drop(world.ask::<Deployment, _>(&key, &Resume { by: by() })),
        5 => drop(world.ask::<Deployment, _>(&key, &RestartStage { stage, by: by() })),
        6 | 7 => {
            let judgment = if world.below(4) == 0 { "stop" } else { "continue" }.to_owned();
            let judge = Judge { stage: "ask".into(), judgment, option: String::new(), by: by() };
            drop(world.ask::<Deployment, _>(&key, &judge));
        }
        8 | 9 => {
            let outcome = match world.below(3) {
                0 => Outcome::TimedOut,
                1 => Outcome::Failed { why: "no".into(), kind: Failure::User },
                _ => Outcome::Done {
                    output: NamedFields(json!({ "status": 200, "body": { "status": "done" } })),
                },
            };
            let id = format!("hook/{}/call/{}/{key}", 1 + world.below(2), world.below(3));
            drop(world.ask::<Deployment, _>(&key, &Finished { id, outcome }));
        }
        10 if world.below(8) == 0 => {
            let canaries = world.canaries();
            if let Some(canary) = canaries.get(world.below(canaries.len())) {
                drop(world.ask::<Canary, _>(canary, &canary_analysis::Cancel { why: "no".into() }));
            }
        }
        _ => {
            let good = world.below(4) > 0;
            look(world, good);
        }
    }
}

fn history(seed: u64) -> Vec<&'static str> {
    let mut world = World::new(seed);
    put(&mut world, short());
    put(
        &mut world,
        staged(json!([
            { "refId": "deploy", "type": "deploy", "model": "recommend", "weight": 1 },
            { "refId": "hook", "type": "webhook", "url": "http://x", "waitForCompletion": true, "requisiteStageRefIds": ["deploy"] },
            { "refId": "ask", "type": "manualJudgment", "requisiteStageRefIds": ["deploy"], "failPipeline": false },
            { "refId": "promote", "type": "promote", "requisiteStageRefIds": ["hook", "ask"] },
        ])),
    );
    let steps = 100 + world.below(900);
    for _ in 0..steps {
        match world.below(30) {
            0 => {
                let (request, version) = (world.below(6).to_string(), 2 + world.below(8));
                let pipeline = if world.below(2) == 0 { "deliver" } else { "p" };
                world.start(pipeline, &request, u32::try_from(version).unwrap());
            }
            1 if world.below(4) == 0 => {
                let version = 2 + world.below(8);
                let params = [("version".to_owned(), version.to_string())].into();
                let raise = Raise { id: version.to_string(), from: "t".into(), at: Timestamp(1), params };
                world.ask::<Signal, _>("model_trained", &raise).unwrap();
            }
            2..=5 => meddle(&mut world),
            7 => {
                let ms = world.below(4_000) as u64;
                world.now = Timestamp(world.now.0 + ms);
            }
            8 | 9 => drop(world.tick(5_000)),
            10 if world.below(200) == 0 => drop(world.tick(u64::MAX)),
            _ => drop(world.deliver()),
        }
    }
    for key in world.deployments() {
        drop(world.ask::<Deployment, _>(&key, &Resume { by: "ann".into() }));
    }
    world.end();
    check(&world, seed);
    world.deployments().iter().map(|key| world.status(key).label()).collect()
}

fn check(world: &World, seed: u64) {
    for key in world.deployments() {
        let run = world.run(&key);
        assert!(run.status.is_over(), "seed {seed}: {key} never leaves {}", run.status.label());
        for (ref_id, held) in &run.stages {
            let ended = held.status.is_over() || held.status == Status::NotStarted;
            assert!(ended && held.wait.is_none(), "seed {seed}: {key} {ref_id} is {held:?}");
            let canaries = (1..=held.attempt).map(|n| format!("{key}-{ref_id}-{n}"));
            let begun = canaries.filter(|id| world.canaries().contains(id)).count();
            assert!(ref_id != "canary" || begun as u32 <= held.attempt, "seed {seed}: {begun} canaries");
        }
        let failed = matches!(run.status, Status::Terminal | Status::Canceled);
        let last = run.weights.back().map_or(0, |(_, weight, _)| *weight);
        let champion = run
            .target
            .as_ref()
            .is_some_and(|target| matches!(world.at(target.canary), Stage::Champion | Stage::Archived));
        assert!(!failed || last == 0 || champion, "seed {seed}: {key} failed at {last}");
    }
    let traffic = world.traffic();
    assert_eq!(traffic.by(), None, "seed {seed}: traffic has no holder at the end");
    for canary in world.canaries() {
        let view = world.view(&canary);
        let over = view["started"].is_null() || !view["verdict"].is_null();
        assert!(over, "seed {seed}: {canary} never ends");
        let verdicts = world
            .delivered
            .iter()
            .filter(|(way, _)| way.ends_with("verdict.v1"))
            .map(|(_, n)| n)
            .sum::<u32>();
        assert!(verdicts as usize <= world.canaries().len(), "seed {seed}: {verdicts} verdicts");
    }
    // A cancel may reach a canary that has ended, and a demotion may reach a champion; neither is a dead letter.
    assert!(world.dead.is_empty(), "seed {seed}: {:?}", world.dead);
}

#[test]
fn every_history_ends_and_holds_nothing() {
    let mut ends = std::collections::BTreeMap::new();
    for seed in 1..=60 {
        for end in history(seed) {
            *ends.entry(end).or_insert(0) += 1;
        }
    }
    // The histories must reach every kind of end.
    for end in ["SUCCEEDED", "TERMINAL", "CANCELED"] {
        assert!(ends.get(end).is_some_and(|count| *count >= 10), "{ends:?}");
    }
}
