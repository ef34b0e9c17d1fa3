//! Single stages under failures, timeouts and restarts.

use super::fixtures::*;

#[test]
fn the_failure_policy_of_a_stage_decides_what_follows() {
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
        let statuses = ["f", "after", "side"].map(|stage| world.stage("p:1", stage));
        assert_eq!((statuses, world.status("p:1")), ([f, after, side], all), "{policy}");
    }
}

#[test]
fn a_webhook_is_called_polled_and_given_up() {
    let hook = |poll: Value| {
        let mut stage = json!({ "refId": "h", "type": "webhook", "url": "http://x/${parameters.version}", "retryDelayMs": 1_000 });
        stage.as_object_mut().unwrap().extend(poll.as_object().unwrap().clone());
        staged(json!([stage]))
    };
    let waits = json!({ "waitForCompletion": true, "statusUrl": "${webhook.body.next}", "statusJsonPath": "$.job.state" });
    let done = |body: Value| Outcome::Done { output: NamedFields(json!({ "status": 200, "body": body })) };
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
            // A repetition, and an answer to an attempt that does not exist.
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
