mod histories;
mod world;

use serde_json::{Value, json};
use troupe_runtime::Timestamp;

use super::{Cancel, Delivery, Judge, Pause, RestartStage, Resume, Status, pipeline, read};
use crate::canaries::{Canary, JudgeLook, Pair};
use crate::deployments::Deployment;
use crate::kept::Kept;
use crate::models::Stage;
use crate::pipelines::{Pipeline, PutPipeline};
use crate::signals::{Raise, Signal};
use crate::tasks::{Failure, Finished, Outcome};
use world::World;

fn put(world: &mut World, definition: Value) {
    let name = definition["name"].as_str().unwrap().to_owned();
    world
        .ask::<Pipeline, _>(&name, &PutPipeline { definition: Kept(definition), by: "tester".into() })
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

#[test]
fn a_good_version_becomes_the_champion_step_by_step() {
    let mut world = World::new(1);
    put(&mut world, short());
    let started = world.start("deliver", "r1", 2);
    assert_eq!((started.execution.as_str(), started.duplicate), ("deliver:1", false));
    assert!(world.start("deliver", "r1", 2).duplicate, "a request starts one execution");
    world.settle();
    assert_eq!(world.stage("deliver:1", "canary"), Status::Running);
    let split = world.traffic().split().cloned().unwrap();
    assert_eq!((split.production, split.canary, split.weight, split.baseline), (1, 2, 500, true));
    assert_eq!(world.canaries(), ["deliver:1-canary-1"]);
    look(&mut world, true);
    world.settle();
    assert_eq!(world.stage("deliver:1", "canary"), Status::Running);
    look(&mut world, true);
    world.settle();
    for weight in [2_500, 5_000, 10_000] {
        assert_eq!(world.traffic().split().map(|split| split.weight), Some(weight));
        assert_eq!(world.at(1), Stage::Champion);
        world.pass(3_001);
    }
    let run = world.run("deliver:1");
    assert_eq!(run.status, Status::Succeeded, "{}", run.why);
    assert_eq!((world.at(1), world.at(2)), (Stage::Archived, Stage::Champion));
    assert_eq!((world.traffic().split(), world.traffic().by()), (None, None));
    let weights: Vec<u32> = run.weights.iter().map(|(_, weight, _)| *weight).collect();
    assert_eq!(weights, [500, 2_500, 5_000, 10_000, 0, 10_000]);
    assert!(run.notes.iter().any(|note| note.who == "tester"), "the audit trail names who asked for it");
    assert_eq!(world.delivered["lineage/deployment:deliver:1 linked.v1"], 1, "it came of the version, once");
    assert!(world.dead.is_empty(), "{:?}", world.dead);
}

#[test]
fn a_bad_version_is_rolled_back_and_archived() {
    let mut world = World::new(2);
    put(&mut world, short());
    world.start("deliver", "r1", 2);
    world.settle();
    look(&mut world, false);
    world.settle();
    let run = world.run("deliver:1");
    assert_eq!(run.status, Status::Terminal);
    assert!(run.why.contains("failed"), "{}", run.why);
    assert_eq!((world.traffic().split(), world.at(1), world.at(2)), (None, Stage::Champion, Stage::Archived));
    assert_eq!(world.delivered["traffic/recommend give-back.v1"], 1);
    assert_eq!(world.stage("deliver:1", "promote"), Status::NotStarted);
    assert!(world.dead.is_empty(), "{:?}", world.dead);
}

#[test]
fn a_canary_that_nobody_brings_points_ends_and_so_does_its_deployment() {
    let mut world = World::new(3);
    put(&mut world, short());
    world.start("deliver", "r1", 2);
    world.end();
    let run = world.run("deliver:1");
    assert_eq!(run.status, Status::Terminal);
    assert!(run.why.contains("no_data"), "{}", run.why);
    assert_eq!(world.traffic().split(), None);
}

#[test]
fn each_raise_of_a_signal_starts_one_execution_and_one_runs_at_a_time() {
    let mut world = World::new(4);
    put(&mut world, short());
    for version in 2..=4 {
        let params = [("version".to_owned(), version.to_string())].into();
        let raise = Raise { id: format!("m{version}"), from: "t".into(), at: Timestamp(1), params };
        for _ in 0..2 {
            world.ask::<Signal, _>("model_trained", &raise).unwrap();
            world.settle();
        }
    }
    world.pass(1_000);
    assert_eq!(world.deployments(), ["deliver:1", "deliver:2", "deliver:3"]);
    let statuses = |world: &World| [1, 2, 3].map(|n| world.status(&format!("deliver:{n}")));
    assert_eq!(statuses(&world), [Status::Running, Status::NotStarted, Status::NotStarted]);
    look(&mut world, false);
    world.settle();
    assert_eq!(statuses(&world), [Status::Terminal, Status::Running, Status::NotStarted]);
    world.ask::<Deployment, _>("deliver:3", &Cancel { by: "me".into(), why: "no".into() }).unwrap();
    world.ask::<Deployment, _>("deliver:2", &Cancel { by: "me".into(), why: "no".into() }).unwrap();
    world.settle();
    assert_eq!(statuses(&world), [Status::Terminal, Status::Canceled, Status::Canceled]);
    assert_eq!(world.traffic().split(), None);
    world.start("deliver", "again", 5);
    world.settle();
    assert_eq!(world.status("deliver:4"), Status::Running);
}

#[test]
fn only_the_newest_waits_where_waiting_ones_are_not_kept() {
    let mut world = World::new(5);
    let mut definition = short();
    definition["keepWaitingPipelines"] = json!(false);
    put(&mut world, definition);
    for (n, version) in (2..=5).enumerate() {
        world.start("deliver", &format!("r{n}"), version);
        world.settle();
    }
    let statuses = [1, 2, 3, 4].map(|n| world.status(&format!("deliver:{n}")));
    assert_eq!(statuses, [Status::Running, Status::Canceled, Status::Canceled, Status::NotStarted]);
}

#[test]
fn people_pause_resume_judge_and_restart() {
    let mut world = World::new(6);
    put(
        &mut world,
        staged(json!([
            { "refId": "ask", "type": "manualJudgment", "judgmentInputs": [{ "value": "eu" }, { "value": "us" }] },
            { "refId": "w", "type": "wait", "waitTime": 5, "requisiteStageRefIds": ["ask"] },
            { "refId": "c", "type": "checkPreconditions", "requisiteStageRefIds": ["w"],
                "preconditions": [{ "type": "expression", "context": { "expression": "stages.ask.judgmentInput == 'eu'" } }] },
        ])),
    );
    world.start("p", "1", 2);
    world.settle();
    let judge = |option: &str, judgment: &str| Judge {
        stage: "ask".into(),
        judgment: judgment.into(),
        option: option.into(),
        by: "ann".into(),
    };
    for (judge, code) in
        [(judge("mars", "continue"), "BAD_JUDGMENT"), (judge("eu", "perhaps"), "BAD_JUDGMENT")]
    {
        assert_eq!(world.ask::<Deployment, _>("p:1", &judge).unwrap_err().code, code);
    }
    world.ask::<Deployment, _>("p:1", &Pause { by: "ann".into() }).unwrap();
    world.ask::<Deployment, _>("p:1", &judge("us", "continue")).unwrap();
    world.settle();
    assert_eq!((world.status("p:1"), world.stage("p:1", "w")), (Status::Paused, Status::NotStarted));
    world.ask::<Deployment, _>("p:1", &Resume { by: "ann".into() }).unwrap();
    world.pass(6_000);
    assert_eq!((world.status("p:1"), world.stage("p:1", "c")), (Status::Terminal, Status::Terminal));
    let restart = |stage: &str| RestartStage { stage: stage.into(), by: "ann".into() };
    assert_eq!(world.ask::<Deployment, _>("p:1", &restart("x")).unwrap_err().code, "UNKNOWN_STAGE");
    world.ask::<Deployment, _>("p:1", &restart("ask")).unwrap();
    world.settle();
    assert_eq!((world.status("p:1"), world.run("p:1").stages["ask"].attempt), (Status::Running, 2));
    world.ask::<Deployment, _>("p:1", &judge("eu", "continue")).unwrap();
    world.pass(6_000);
    assert_eq!(world.status("p:1"), Status::Succeeded);
    assert_eq!(
        world.ask::<Deployment, _>("p:9", &Pause { by: String::new() }).unwrap_err().code,
        "UNKNOWN_DEPLOYMENT"
    );
}

#[test]
fn what_follows_a_failure_is_as_the_stage_says() {
    let fails = |policy: Value| {
        let mut stage = json!({ "refId": "f", "type": "checkPreconditions", "preconditions": [{ "expression": "1 == 2" }] });
        stage.as_object_mut().unwrap().extend(policy.as_object().unwrap().clone());
        staged(json!([stage, { "refId": "after", "type": "bake", "requisiteStageRefIds": ["f"] },
            { "refId": "side", "type": "wait", "waitTime": 1 }]))
    };
    for (policy, f, after, side, all) in [
        (json!({}), Status::Terminal, Status::NotStarted, Status::NotStarted, Status::Terminal),
        (
            json!({ "continuePipeline": true, "failPipeline": false }),
            Status::FailedContinue,
            Status::Succeeded,
            Status::Succeeded,
            Status::Succeeded,
        ),
        (
            json!({ "failPipeline": false }),
            Status::Stopped,
            Status::NotStarted,
            Status::Succeeded,
            Status::Succeeded,
        ),
        (
            json!({ "completeOtherBranchesThenFail": true }),
            Status::Stopped,
            Status::NotStarted,
            Status::Succeeded,
            Status::Terminal,
        ),
        (
            json!({ "stageEnabled": { "type": "expression", "expression": "false" } }),
            Status::Skipped,
            Status::Succeeded,
            Status::Succeeded,
            Status::Succeeded,
        ),
    ] {
        let mut world = World::new(7);
        put(&mut world, fails(policy.clone()));
        world.start("p", "1", 2);
        world.pass(2_000);
        let found = ["f", "after", "side"].map(|stage| world.stage("p:1", stage));
        assert_eq!((found, world.status("p:1")), ([f, after, side], all), "{policy}");
    }
}

#[test]
fn a_webhook_is_called_looked_after_and_given_up() {
    let hook = |poll: Value| {
        let mut stage = json!({ "refId": "h", "type": "webhook", "url": "http://x/${parameters.version}", "retryDelayMs": 1_000 });
        stage.as_object_mut().unwrap().extend(poll.as_object().unwrap().clone());
        staged(json!([stage]))
    };
    let waits = json!({ "waitForCompletion": true, "statusUrl": "${webhook.body.next}", "statusJsonPath": "$.job.state" });
    let done = |body: Value| Outcome::Done { output: Kept(json!({ "status": 200, "body": body })) };
    let failed = || Outcome::Failed { why: "refused".into(), kind: Failure::Platform };
    let state = |state: &str| done(json!({ "job": { "state": state } }));
    let next = || done(json!({ "next": "http://x/job" }));
    for (name, poll, answers, expected) in [
        ("once", json!({}), vec![done(json!(1))], Status::Succeeded),
        ("refused", json!({}), vec![failed()], Status::Terminal),
        ("hangs", json!({}), vec![Outcome::TimedOut], Status::Terminal),
        (
            "waits",
            waits.clone(),
            vec![next(), state("running"), failed(), Outcome::TimedOut, state("Succeeded")],
            Status::Succeeded,
        ),
        ("fails later", waits.clone(), vec![next(), state("FAILED")], Status::Terminal),
        ("without a place", waits.clone(), vec![done(json!({}))], Status::Terminal),
        ("never says", waits, vec![next()], Status::Terminal),
    ] {
        let mut world = World::new(8);
        put(&mut world, hook(poll));
        world.start("p", "1", 2);
        for (at, outcome) in answers.into_iter().enumerate() {
            world.pass(1_001);
            let id = format!("h/1/call/{at}/p:1");
            // A second time, and one of an attempt that never was.
            for id in [id.clone(), id, format!("h/7/call/{at}/p:1")] {
                world.ask::<Deployment, _>("p:1", &Finished { id, outcome: outcome.clone() }).unwrap();
            }
        }
        if name == "never says" || name == "without a place" {
            world.end();
        }
        world.settle();
        let run = world.run("p:1");
        assert!(
            run.status == expected || name == "without a place",
            "{name}: {} {}",
            run.status.label(),
            run.why
        );
        world.end();
        assert_eq!(world.status("p:1"), expected, "{name}");
    }
}

#[test]
fn a_pipeline_runs_another_one_and_ends_as_it_does() {
    for (good, expected) in [(true, Status::Succeeded), (false, Status::Terminal)] {
        let mut world = World::new(9);
        put(
            &mut world,
            staged(json!([{ "refId": "s", "type": "pipeline", "pipeline": "deliver",
            "pipelineParameters": { "version": "${parameters.version}" } }])),
        );
        put(&mut world, short());
        world.start("p", "1", 2);
        world.settle();
        assert_eq!(world.status("deliver:1"), Status::Running);
        for _ in 0..2 {
            look(&mut world, good);
            world.settle();
        }
        world.pass(20_000);
        assert_eq!((world.status("deliver:1"), world.status("p:1")), (expected, expected));
    }
    let mut world = World::new(9);
    put(&mut world, staged(json!([{ "refId": "s", "type": "pipeline", "pipeline": "nowhere" }])));
    world.start("p", "1", 2);
    world.settle();
    assert!(world.run("p:1").why.contains("UNKNOWN_PIPELINE"), "{}", world.run("p:1").why);
    let mut world = World::new(9);
    put(
        &mut world,
        staged(json!([{ "refId": "s", "type": "pipeline", "pipeline": "deliver",
        "pipelineParameters": { "version": 2 } }])),
    );
    put(&mut world, short());
    world.start("p", "1", 2);
    world.settle();
    world.ask::<Deployment, _>("p:1", &Cancel { by: "me".into(), why: "no".into() }).unwrap();
    world.settle();
    assert_eq!((world.status("deliver:1"), world.traffic().split()), (Status::Canceled, None));
}

/// Two pipelines that deliver the same model.
fn two(seed: u64) -> World {
    let mut world = World::new(seed);
    put(&mut world, short());
    let mut other = short();
    other["name"] = json!("other");
    other["triggers"] = json!([]);
    put(&mut world, other);
    world
}

#[test]
fn a_deployment_that_finds_traffic_held_waits_for_its_turn_says_for_whom_and_takes_nothing_from_the_holder() {
    let mut world = two(10);
    world.start("deliver", "1", 2);
    world.settle();
    world.start("other", "1", 3);
    // Far longer than a stage that puts a canary onto traffic may take.
    for _ in 0..9 {
        world.pass(60_000);
        let stage = world.run("other:1").stages["deploy"].clone();
        assert_eq!(stage.status, Status::Running, "{}", stage.why);
        assert!(stage.why.contains("deliver:1 holds the traffic of this model"), "{}", stage.why);
        assert_eq!(world.traffic().split().map(|split| split.canary), Some(2));
        assert_eq!(world.status("deliver:1"), Status::Running);
    }
    assert!(world.dead.is_empty(), "{:?}", world.dead);
}

#[test]
fn who_waited_for_traffic_gets_it_when_the_holder_has_ended_and_is_called_off_like_any_other() {
    let mut world = two(13);
    world.start("deliver", "1", 2);
    world.settle();
    world.start("other", "1", 3);
    world.start("other", "2", 4);
    world.pass(7_000);
    world.ask::<Deployment, _>("deliver:1", &Cancel { by: "me".into(), why: "no".into() }).unwrap();
    world.pass(6_000);
    assert_eq!(world.traffic().split().map(|split| split.canary), Some(3));
    assert_eq!(world.run("other:1").stages["deploy"].why, "");
    world.ask::<Deployment, _>("other:1", &Cancel { by: "me".into(), why: "no".into() }).unwrap();
    world.pass(6_000);
    assert_eq!((world.status("other:1"), world.traffic().by()), (Status::Canceled, Some("other:2")));
    let third = world.start("deliver", "3", 5);
    world.pass(6_000);
    world.ask::<Deployment, _>(&third.execution, &Cancel { by: "me".into(), why: "no".into() }).unwrap();
    world.pass(6_000);
    assert_eq!((world.at(5), world.traffic().by()), (Stage::Staging, Some("other:2")), "it never had any");
    world.end();
    assert_eq!(world.traffic().by(), None);
    assert!(world.dead.is_empty(), "{:?}", world.dead);
}

#[test]
fn a_raise_that_starts_nothing_is_told_among_the_executions_with_the_reason() {
    let mut world = World::new(14);
    let mut definition = staged(json!([{ "refId": "s", "type": "manualJudgment" }]));
    definition["triggers"] = json!([{ "type": "signal", "signal": "trained" }]);
    put(&mut world, definition);
    for i in 0..200 {
        let raise =
            Raise { id: i.to_string(), from: "t".into(), at: Timestamp(1), params: Default::default() };
        world.ask::<Signal, _>("trained", &raise).unwrap();
        world.settle();
    }
    let held = world.executions("p");
    let away: Vec<_> = held.iter().filter(|held| held.status == "CANCELED").collect();
    assert_eq!((held[0].number, held.len() - away.len(), away.len()), (200, 64 - 28, 64), "100 are shown");
    assert!(away[0].why.starts_with("it was not started: TOO_MANY: 64 executions"), "{}", away[0].why);
    assert_eq!((away[0].by.as_str(), away[0].ended), ("signal trained", Some(away[0].at)));
    world.ask::<Deployment, _>("p:1", &Cancel { by: "me".into(), why: "no".into() }).unwrap();
    world.settle();
    assert_eq!(world.status("p:2"), Status::Running, "the queue goes on");
    assert!(world.dead.is_empty(), "{:?}", world.dead);
}

#[test]
fn a_stage_that_needs_traffic_is_restarted_from_where_it_was_put_there() {
    let mut world = World::new(11);
    let mut definition = short();
    definition["stages"][0]["onFailure"] = json!("staging");
    put(&mut world, definition);
    world.start("deliver", "1", 2);
    world.settle();
    look(&mut world, false);
    world.settle();
    assert_eq!((world.status("deliver:1"), world.at(2)), (Status::Terminal, Stage::Staging));
    let restart = |stage: &str| RestartStage { stage: stage.into(), by: "ann".into() };
    let refused = world.ask::<Deployment, _>("deliver:1", &restart("canary")).unwrap_err();
    assert!(refused.code == "NO_TRAFFIC" && refused.message.contains("\"deploy\""), "{refused:?}");
    world.ask::<Deployment, _>("deliver:1", &restart("deploy")).unwrap();
    world.settle();
    assert_eq!(world.traffic().split().map(|split| split.weight), Some(500));
    assert_eq!(world.canaries(), ["deliver:1-canary-1", "deliver:1-canary-2"]);
    for _ in 0..2 {
        look(&mut world, true);
        world.settle();
    }
    world.pass(20_000);
    assert_eq!((world.status("deliver:1"), world.at(2)), (Status::Succeeded, Stage::Champion));
}

#[test]
fn everything_that_is_wrong_with_a_definition_is_named_with_its_path() {
    let paths = |definition: Value| -> Vec<String> {
        read(&definition).unwrap_err().into_iter().map(|problem| problem.path).collect()
    };
    let stages = |stages: Value| paths(staged(stages));
    assert_eq!(paths(json!({})), ["name", "application", "stages"]);
    assert_eq!(paths(json!([])), [""]);
    assert_eq!(
        paths(json!({ "name": "a:b", "application": "a", "stages": 3 })),
        ["name", "stages", "stages"]
    );
    assert_eq!(
        stages(json!([{ "type": "fly" }, 7, { "refId": "b", "type": "wait" }])),
        ["stages[0].refId", "stages[0].type", "stages[1]", "stages[2].waitTime"]
    );
    assert_eq!(
        stages(json!([
            { "refId": "a", "type": "bake", "requisiteStageRefIds": ["b", "nobody"] },
            { "refId": "b", "type": "bake", "requisiteStageRefIds": ["a"] },
            { "refId": "b", "type": "bake", "requisiteStageRefIds": ["b"] },
        ])),
        [
            "stages[0].requisiteStageRefIds[1]",
            "stages[2].refId",
            "stages[2].requisiteStageRefIds[0]",
            "stages"
        ]
    );
    assert_eq!(
        stages(json!([
            { "refId": "a", "type": "deploy", "weight": 101, "version": "x" },
            { "refId": "b", "type": "deploy", "model": "m", "weight": 51, "version": 0 },
            { "refId": "c", "type": "setWeight", "weight": 0.001 },
            { "refId": "d", "type": "promote", "model": "m" },
            { "refId": "e", "type": "webhook", "url": "ftp://x", "method": "FLY" },
            { "refId": "f", "type": "kayentaCanary" },
            { "refId": "g", "type": "kayentaCanary", "canaryConfig": { "lifetimeDuration": "soon", "scoreThresholds": { "pass": 1, "marginal": "2" } } },
            { "refId": "h", "type": "checkPreconditions", "preconditions": [{ "expression": "a ==" }] },
            { "refId": "i", "type": "wait", "waitTime": -1, "stageEnabled": { "expression": "(" } },
        ])),
        [
            "stages[0].model",
            "stages[0].version",
            "stages[0].weight",
            "stages[1].version",
            "stages[1].weight",
            "stages[2].weight",
            "stages[3].version",
            "stages[4].url",
            "stages[4].method",
            "stages[5].canaryConfig",
            "stages[6].canaryConfig.canaryConfigId",
            "stages[6].canaryConfig.lifetimeDuration",
            "stages[6].canaryConfig.scoreThresholds.marginal",
            "stages[7].preconditions[0].expression",
            "stages[8].stageEnabled.expression",
            "stages[8].waitTime",
        ]
    );
    assert_eq!(read(&short()).map(|found| found.stages.len()), Ok(9));
}
