//! A delivery from its first stage to its end.

use super::fixtures::*;

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
    assert!(
        run.notes.iter().any(|note| note.who == "tester"),
        "the audit trail names the author of the request"
    );
    assert_eq!(
        world.delivered["lineage/deployment:deliver:1 linked.v1"], 1,
        "it is linked to the version once"
    );
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
fn a_version_that_was_promoted_is_rolled_back_by_the_champion_before_it() {
    for again in [false, true] {
        let mut world = World::new(4);
        let mut stages = vec![
            json!({ "refId": "d", "type": "deploy", "model": "recommend", "version": "${parameters.version}", "weight": 5 }),
            json!({ "refId": "p", "type": "promote", "requisiteStageRefIds": ["d"] }),
            json!({ "refId": "r", "type": "rollback", "requisiteStageRefIds": ["p"] }),
        ];
        if again {
            stages.push(json!({ "refId": "s", "type": "rollback", "requisiteStageRefIds": ["r"] }));
        }
        put(&mut world, staged(json!(stages)));
        world.start("p", "r1", 2);
        world.end();
        let run = world.run("p:1");
        assert_eq!(run.status, Status::Succeeded, "{}", run.why);
        assert_eq!((world.at(1), world.at(2)), (Stage::Champion, Stage::Archived));
        assert_eq!((world.traffic().split(), world.traffic().by()), (None, None));
        assert!(world.dead.is_empty(), "{:?}", world.dead);
    }
}

#[test]
fn a_canary_without_points_ends_and_so_does_its_deployment() {
    let mut world = World::new(3);
    put(&mut world, short());
    world.start("deliver", "r1", 2);
    world.end();
    let run = world.run("deliver:1");
    assert_eq!(run.status, Status::Terminal);
    assert!(run.why.contains("no_data"), "{}", run.why);
    assert_eq!(world.traffic().split(), None);
}
