//! Replicas that lost what they had promised come back as new ones, from their peers.

use std::time::Duration;

use troupe_runtime::observe::{Role, ShardView};
use troupe_runtime::{Address, AskOptions, NodeId, ShardId};

use super::toy::{Account, Deposit, Get};
use super::world::World;

const ACCOUNTS: u64 = 20;

fn account(n: u64) -> Address {
    Address::of::<Account>(format!("a{n}"))
}

async fn deposits(world: &World, ids: std::ops::Range<u64>) {
    for id in ids {
        let within = AskOptions::within(Duration::from_secs(10));
        world.router().ask(&account(id % ACCOUNTS), &Deposit { id, amount: 1 }, within).await.unwrap();
    }
}

async fn holds(world: &World, ids: std::ops::Range<u64>) {
    for of in 0..ACCOUNTS {
        let found = world.router().query(&account(of), &Get {}, Duration::from_secs(10)).await.unwrap();
        let expected: Vec<u64> = ids.clone().filter(|id| id % ACCOUNTS == of).collect();
        assert_eq!(found.deposits, expected, "account {of}");
    }
}

async fn shards_of(world: &World, node: u16) -> Vec<ShardView> {
    world.node(node).inspect().node(NodeId(node)).await.map(|view| view.shards).unwrap_or_default()
}

/// Waits until every replica of a node votes; their generations.
async fn until_it_votes(world: &World, node: u16) -> Vec<u64> {
    world
        .until("every replica of the node votes, in a group of three", async || {
            let shards = shards_of(world, node).await;

            let votes = |shard: &ShardView| matches!(shard.role, Role::Leader | Role::Follower);
            let settled = |shard: &ShardView| shard.replicas.len() == 3 && shard.trouble.is_none();
            shards.len() == 5 && shards.iter().all(|shard| votes(shard) && settled(shard))
        })
        .await;
    shards_of(world, node).await.iter().map(|shard| shard.generation).collect()
}

fn all_new(generations: &[u64]) {
    assert!(generations.iter().all(|generation| *generation > 0), "{generations:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wiped_node_comes_back_as_new_replicas_and_then_counts_for_the_majority() {
    let mut world = World::start().await;
    deposits(&world, 0..200).await;
    world.kill(2);
    world.wipe(2);
    deposits(&world, 200..300).await;
    world.boot(2).await;
    all_new(&until_it_votes(&world, 2).await);
    deposits(&world, 300..400).await;
    // Without one of the others nothing is acknowledged and nothing elected but by what the new replicas hold.
    world.kill(1);
    world.until_led().await;
    deposits(&world, 400..450).await;
    holds(&world, 0..450).await;
    // It remembers its new place across an ordinary restart.
    world.boot(1).await;
    world.kill(2);
    world.boot(2).await;
    all_new(&until_it_votes(&world, 2).await);
    holds(&world, 0..450).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_wiped_twice_is_given_a_generation_that_nobody_had() {
    let mut world = World::start().await;
    deposits(&world, 0..50).await;
    let mut before = vec![0; 5];
    for _ in 1..=2 {
        world.kill(3);
        world.wipe(3);
        world.boot(3).await;
        let after = until_it_votes(&world, 3).await;
        assert!(before.iter().zip(&after).all(|(before, after)| after > before), "{before:?} {after:?}");
        before = after;
    }
    holds(&world, 0..50).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_shard_is_rebuilt_and_the_others_are_left_alone() {
    let mut world = World::start().await;
    deposits(&world, 0..100).await;
    world.kill(1);
    world.disk(1).damage(ShardId(2));
    world.boot(1).await;
    let rebuilt: Vec<bool> =
        until_it_votes(&world, 1).await.iter().map(|generation| *generation > 0).collect();
    assert_eq!(rebuilt, [false, false, true, false, false]);
    deposits(&world, 100..150).await;
    holds(&world, 0..150).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_log_and_lost_checkpoints_are_noticed() {
    let mut world = World::start().await;
    deposits(&world, 0..200).await;
    world
        .until("every log is cut behind a checkpoint", async || {
            deposits(&world, 200..200).await;
            let shards = shards_of(&world, 1).await;
            shards.iter().filter(|shard| shard.shard != ShardId::CONTROL).all(|shard| shard.checkpointed > 8)
        })
        .await;
    world.kill(1);
    world.disk(1).lose_log();
    world.boot(1).await;
    all_new(&until_it_votes(&world, 1).await);
    world.kill(2);
    world.disk(2).lose_checkpoints();
    world.boot(2).await;
    // The control group has hardly a log; one that begins at its founding needs no checkpoint.
    let generations = until_it_votes(&world, 2).await;
    all_new(&generations[1..]);
    holds(&world, 0..200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_founded_while_a_peer_might_remember_an_earlier_life() {
    let mut world = World::with_nodes(&[1, 2]).await;
    // They have met, and say that they wait for the third alone.
    world
        .until("both nodes name the nodes they wait for", async || {
            let mut said = 0;
            for node in [1, 2].map(NodeId) {
                let journal = world.node(node.0).inspect().journal(node, 1_000).await.unwrap();
                let waits = journal.iter().find(|record| record.change == "waiting_to_found");
                said += usize::from(waits.is_some_and(|record| record.reason.contains("node 3 may know")));
            }
            said == 2
        })
        .await;
    for node in [1, 2] {
        assert!(shards_of(&world, node).await.iter().all(|shard| shard.role == Role::Down));
    }
    world.boot(3).await;
    world.until_led().await;
    deposits(&world, 0..20).await;
    holds(&world, 0..20).await;
}
