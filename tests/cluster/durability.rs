//! What is acknowledged is never lost, in any order of kills.

use std::time::Duration;

use troupe_runtime::observe::Role;
use troupe_runtime::{Address, AskError, AskOptions};

use super::toy::{Account, Banner, Deposit, Get, Paint, Statement};
use super::world::World;

fn account(n: u64) -> Address {
    Address::of::<Account>(format!("a{n}"))
}

async fn deposit(world: &World, of: u64, id: u64) -> Result<i64, AskError> {
    let within = AskOptions::within(Duration::from_secs(10));
    world.router().ask(&account(of), &Deposit { id, amount: 1 }, within).await
}

async fn statement(world: &World, of: u64) -> Statement {
    world.router().query(&account(of), &Get {}, Duration::from_secs(10)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_is_read_back_at_once_from_any_node() {
    let world = World::start().await;
    for node in 1..=3 {
        let router = world.node(node).router();
        let balance = router.ask(&account(1), &Deposit { id: 7, amount: 5 }, AskOptions::default()).await;
        assert_eq!(balance, Ok(i64::from(node) * 5));
        for other in 1..=3 {
            let seen = world.node(other).router().query(&account(1), &Get {}, Duration::from_secs(5)).await;
            assert_eq!(
                seen.map(|s| s.balance),
                Ok(i64::from(node) * 5),
                "written at {node}, read at {other}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_acknowledged_survives_a_restart_of_all_nodes() {
    let mut world = World::start().await;
    for id in 0..300 {
        deposit(&world, id % 20, id).await.unwrap();
    }
    for node in 1..=3 {
        world.kill(node);
    }
    for node in 1..=3 {
        world.boot(node).await;
    }
    world.until_led().await;
    for of in 0..20 {
        let expected: Vec<u64> = (0..300).filter(|id| id % 20 == of).collect();
        assert_eq!(statement(&world, of).await.deposits, expected, "account {of}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_majority_writes_stop_with_a_typed_error_and_go_on_when_one_node_returns() {
    let mut world = World::start().await;
    deposit(&world, 1, 1).await.unwrap();
    world.kill(2);
    world.kill(3);
    let within = AskOptions::within(Duration::from_millis(1_500));
    let refused = world.router().ask(&account(1), &Deposit { id: 2, amount: 1 }, within).await;
    let error = refused.unwrap_err();
    assert!(
        matches!(
            error,
            AskError::Unknown(_) | AskError::NotSent(_) | AskError::NotLeader { .. } | AskError::Expired
        ),
        "{error}"
    );
    let in_doubt = error.executed();
    world.boot(2).await;
    world.until_led().await;
    deposit(&world, 1, 3).await.unwrap();
    let deposits = statement(&world, 1).await.deposits;
    let allowed: &[&[u64]] = if in_doubt { &[&[1, 3], &[1, 2, 3]] } else { &[&[1, 3]] };
    assert!(allowed.contains(&deposits.as_slice()), "{deposits:?} after {error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_away_for_longer_than_the_log_catches_up_from_a_snapshot() {
    let mut world = World::start().await;
    deposit(&world, 1, 0).await.unwrap();
    world.kill(3);
    world.until_led().await;
    for id in 1..200 {
        deposit(&world, id % 10, id).await.unwrap();
    }
    // Checkpoints cut the log behind the absent node.
    world
        .until("the log is cut", async || {
            let views = world.views().await;
            let shards = views.iter().flat_map(|view| &view.shards).filter(|shard| shard.shard.0 > 0);
            shards.clone().all(|shard| shard.checkpointed == shard.applied)
        })
        .await;
    world.boot(3).await;
    world
        .until("node 3 has applied what the others have", async || {
            let views = world.views().await;
            let applied = |node: u16| {
                views
                    .iter()
                    .find(|v| v.node.0 == node)
                    .map(|v| v.shards.iter().map(|s| s.applied).collect::<Vec<_>>())
            };
            applied(3).is_some() && applied(3) == applied(1)
        })
        .await;
    // Only node 3 and one other are left: what it installed must be whole.
    world.kill(1);
    world.until_led().await;
    let found: usize = {
        let mut sum = 0;
        for of in 0..10 {
            sum += statement(&world, of).await.deposits.len();
        }
        sum
    };
    assert_eq!(found, 200);
    let installed = world
        .node(3)
        .inspect()
        .journal(troupe_runtime::NodeId(3), 1_000)
        .await
        .unwrap()
        .iter()
        .filter(|record| record.change == "snapshot_installed")
        .count();
    assert!(installed > 0, "the log was long enough, so the test proved nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_entities_are_published_on_every_node_also_after_a_restart() {
    let mut world = World::start().await;
    let banner = Address::of::<Banner>("main");
    world.router().ask(&banner, &Paint { text: "open".into() }, AskOptions::default()).await.unwrap();
    for round in 0..2 {
        for node in 1..=3 {
            let globals = world.node(node).globals();
            world
                .until("the banner is published", async || {
                    globals.get::<Banner>("main").is_some_and(|banner| banner.text == "open")
                })
                .await;
        }
        if round == 0 {
            for node in 1..=3 {
                world.kill(node);
            }
            for node in 1..=3 {
                world.boot(node).await;
            }
            world.until_led().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leadership_starts_out_spread_over_the_nodes() {
    let world = World::start().await;
    let views = world.views().await;
    for view in views {
        let leads = view.shards.iter().filter(|shard| shard.role == Role::Leader).count();
        assert!((1..=2).contains(&leads), "node {} leads {leads} of 5", view.node);
    }
}
