//! Deliveries that compete for one model's traffic.

use super::fixtures::*;

/// A world with a pipeline `deliver` and these other ones for the same model.
fn world_of(seed: u64, others: &[&str]) -> World {
    let mut world = World::new(seed);
    put(&mut world, short());
    for name in others {
        let mut other = short();
        other["name"] = json!(name);
        other["triggers"] = json!([]);
        put(&mut world, other);
    }
    world
}

fn two(seed: u64) -> World {
    world_of(seed, &["other"])
}

#[test]
fn a_deployment_waits_for_held_traffic_names_the_holder_and_takes_nothing_from_it() {
    let mut world = two(10);
    world.start("deliver", "1", 2);
    world.settle();
    world.start("other", "1", 3);
    // Far longer than the timeout of a deploy stage.
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
fn a_waiting_deployment_gets_traffic_at_the_end_of_the_holder_and_can_be_cancelled() {
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

fn cancel(world: &mut World, key: &str) {
    world.ask::<Deployment, _>(key, &Cancel { by: "me".into(), why: "no".into() }).unwrap();
    world.settle();
}

#[test]
fn free_traffic_goes_to_the_first_waiting_deployment_at_once_and_an_ended_one_loses_its_place() {
    let mut world = world_of(14, &["d", "c", "b", "a"]);
    world.start("deliver", "1", 2);
    world.settle();
    // Each repeats its request at another time, the later ones just after the end of the holder.
    for (pipeline, version) in [("d", 3), ("c", 4), ("b", 5), ("a", 6)] {
        world.start(pipeline, "1", version);
        world.pass(1_200);
    }
    world.pass(1_000);
    let held = |world: &World| world.traffic().by().map(str::to_owned);
    cancel(&mut world, "c:1");
    cancel(&mut world, "deliver:1");
    assert_eq!(held(&world).as_deref(), Some("d:1"));
    world.pass(5_000);
    let waits = world.run("a:1").stages["deploy"].clone();
    assert_eq!(waits.status, Status::Running);
    assert!(waits.why.contains("d:1 holds") && waits.why.contains("1 more came before"), "{}", waits.why);
    // A later request never overtakes the waiting ones.
    world.start("deliver", "2", 7);
    world.settle();
    for (ends, next) in [("d:1", "b:1"), ("b:1", "a:1"), ("a:1", "deliver:2")] {
        cancel(&mut world, ends);
        assert_eq!(held(&world).as_deref(), Some(next));
        assert_eq!(world.stage(next, "deploy"), Status::Succeeded);
    }
    cancel(&mut world, "deliver:2");
    assert_eq!(held(&world), None);
    assert!(world.dead.is_empty(), "{:?}", world.dead);
}

#[test]
fn a_stage_that_waits_for_its_turn_gives_up_its_place_when_an_earlier_one_is_tried_again() {
    let mut world = two(15);
    let ask = json!({ "refId": "ask", "type": "manualJudgment" });
    let deploy = json!({ "refId": "deploy", "type": "deploy", "model": "recommend", "version": "${parameters.version}",
        "weight": 1, "requisiteStageRefIds": ["ask"] });
    put(&mut world, staged(json!([ask, deploy])));
    world.start("deliver", "1", 2);
    world.settle();
    world.start("p", "1", 3);
    world.settle();
    let judge =
        Judge { stage: "ask".into(), judgment: "continue".into(), option: String::new(), by: "ann".into() };
    world.ask::<Deployment, _>("p:1", &judge).unwrap();
    world.settle();
    world.start("other", "1", 4);
    world.settle();
    world.ask::<Deployment, _>("p:1", &RestartStage { stage: "ask".into(), by: "ann".into() }).unwrap();
    world.settle();
    cancel(&mut world, "deliver:1");
    assert_eq!(world.traffic().by(), Some("other:1"), "the other one waits for a person");
    world.ask::<Deployment, _>("p:1", &judge).unwrap();
    world.settle();
    cancel(&mut world, "other:1");
    assert_eq!(world.stage("p:1", "deploy"), Status::Succeeded);
}
