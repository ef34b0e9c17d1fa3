//! The order of a pipeline's executions, refused starts, and the commands of people.

use super::fixtures::*;

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

#[test]
fn a_pipeline_that_runs_itself_ends_whether_it_waits_or_not() {
    for (wait, limit, executions, why) in [
        (true, true, 1, "RUNS_ITSELF: p:1 waits for it"),
        (true, false, 11, "TOO_DEEP"),
        (false, false, 11, ""),
        (false, true, 11, ""),
    ] {
        let mut world = World::new(15);
        let stage = json!({ "refId": "s", "type": "pipeline", "pipeline": "p", "waitForCompletion": wait });
        let mut definition = staged(json!([stage]));
        definition["limitConcurrent"] = json!(limit);
        put(&mut world, definition);
        world.start("p", "1", 2);
        world.end();
        assert_eq!(world.executions("p").len(), executions, "{wait} {limit}");
        let run = world.run("p:1");
        let expected = if wait { Status::Terminal } else { Status::Succeeded };
        assert_eq!(run.status, expected, "{wait} {limit}: {}", run.why);
        assert!(run.why.contains(why), "{}", run.why);
        assert!(world.deployments().iter().all(|key| world.status(key).is_over()));
        assert!(world.dead.is_empty(), "{:?}", world.dead);
    }
}

#[test]
fn a_child_that_needs_the_traffic_of_its_waiting_parent_fails_with_that_reason() {
    let mut world = World::new(16);
    put(&mut world, short());
    put(
        &mut world,
        staged(json!([
            { "refId": "a", "type": "deploy", "model": "recommend", "version": "${parameters.version}", "weight": 1 },
            { "refId": "b", "type": "pipeline", "pipeline": "deliver", "requisiteStageRefIds": ["a"],
              "pipelineParameters": { "version": 3 } },
        ])),
    );
    world.start("p", "1", 2);
    world.settle();
    let run = world.run("p:1");
    assert_eq!((run.status, world.status("deliver:1")), (Status::Terminal, Status::Terminal));
    assert!(
        run.why.contains("p:1 holds the traffic") && run.why.contains("it waits for this execution"),
        "{}",
        run.why
    );
    assert_eq!(world.traffic().by(), None);
    assert!(world.dead.is_empty(), "{:?}", world.dead);
}

#[test]
fn a_raise_that_starts_nothing_is_listed_among_the_executions_with_the_reason() {
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
