//! A watcher anywhere in the cluster gets one notice of the end, once, with the reason.

use std::time::Duration;

use troupe_runtime::death_watch::{Death, Ending, Subject, Watch};
use troupe_runtime::observe::Lifecycle;
use troupe_runtime::{Address, AskOptions, NodeId, Timestamp};

use super::toy::{Account, Deposit, Explode};
use super::world::World;

const PATIENCE: Duration = Duration::from_secs(20);

async fn end_of(watch: Watch) -> Death {
    tokio::time::timeout(PATIENCE, watch).await.expect("no notice of its end")
}

fn account() -> Address {
    Address::of::<Account>("watched")
}

/// The node that leads the account's shard.
async fn leader(world: &World) -> u16 {
    let shard = world.router().shard_of(&account()).unwrap();
    for view in world.views().await {
        if view.shards.iter().any(|s| s.shard == shard && s.role == troupe_runtime::observe::Role::Leader) {
            return view.node.0;
        }
    }
    panic!("no node leads shard {shard}");
}

async fn explode(world: &World, why: &str) {
    let within = AskOptions::within(Duration::from_secs(5));
    let ask = Explode { why: why.to_owned() };
    assert!(world.router().ask(&account(), &ask, within).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entitys_fault_is_told_to_watchers_on_every_node_with_what_it_said() {
    let world = World::start().await;
    let mut watches = Vec::new();
    for node in 1..=3 {
        watches.push(world.node(node).watch(Subject::Entity(account())).await.unwrap());
    }
    explode(&world, "no such colour").await;
    for watch in watches {
        let death = end_of(watch).await;
        assert_eq!((death.ending, &death.subject), (Ending::Failed, &Subject::Entity(account())));
        assert_eq!(death.reason, "asked to explode: no such colour");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_of_an_entity_outlives_its_leader_and_tells_of_the_fault_that_comes_after() {
    let mut world = World::start().await;
    let dies = leader(&world).await;
    let watcher = if dies == 1 { 2 } else { 1 };
    let runtime = world.node(watcher).clone();
    let mut watch = runtime.watch(Subject::Entity(account())).await.unwrap();
    world.kill(dies);
    let within = AskOptions::within(Duration::from_secs(10));
    runtime.router().ask(&account(), &Deposit { id: 1, amount: 1 }, within).await.unwrap();
    let next = leader(&world).await;
    world.until("the new leader knows of the watch", async || world.node(next).watches_held() > 0).await;
    assert!(futures::poll!(&mut watch).is_pending(), "a failover is not a death");
    explode(&world, "later").await;
    assert_eq!(end_of(watch).await.reason, "asked to explode: later");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_dies_takes_all_that_was_watched_on_it_and_one_that_comes_back_is_another() {
    let mut world = World::start().await;
    let actor = Subject::Actor { node: NodeId(3), path: "node-3/services/inference".to_owned() };
    let runtime = world.node(1).clone();
    let of_actor = runtime.watch(actor.clone()).await.unwrap();
    let of_node = runtime.watch(Subject::Node(NodeId(3))).await.unwrap();
    world.kill(3);
    for (watch, subject) in [(of_actor, actor), (of_node, Subject::Node(NodeId(3)))] {
        let death = end_of(watch).await;
        assert_eq!((death.ending, death.subject), (Ending::NodeDown, subject));
        assert!(death.reason.starts_with("node 3: no answer for 2"), "{}", death.reason);
    }
    world.boot(3).await;
    let of_node = runtime.watch(Subject::Node(NodeId(3))).await.unwrap();
    world.kill(3);
    world.boot(3).await;
    let death = end_of(of_node).await;
    assert_eq!((death.ending, death.reason.as_str()), (Ending::NodeDown, "node 3: it was restarted"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_supervisor_tells_its_journal_reaches_the_watcher_elsewhere_and_a_watch_let_go_is_forgotten() {
    let world = World::start().await;
    let path = "node-2/services/inference";
    let actor = Subject::Actor { node: NodeId(2), path: path.to_owned() };
    let watch = world.node(1).watch(actor.clone()).await.unwrap();
    let let_go = world.node(3).watch(actor).await.unwrap();
    assert_eq!(world.node(2).watches_held(), 2);
    drop(let_go);
    world.until("the watch that was let go is forgotten", async || world.node(2).watches_held() == 1).await;
    world.node(2).journal().record(Lifecycle {
        at: Timestamp::wall(),
        node: NodeId(2),
        subject: path.to_owned(),
        change: "gave_up".to_owned(),
        reason: "five restarts in ten seconds".to_owned(),
    });
    let death = end_of(watch).await;
    assert_eq!((death.ending, death.reason.as_str()), (Ending::GaveUp, "five restarts in ten seconds"));
    world.until("nothing is held", async || world.node(2).watches_held() == 0).await;
}
