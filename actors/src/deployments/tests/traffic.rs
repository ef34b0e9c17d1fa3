//! Deliveries that want the same model's traffic.

use super::*;

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
