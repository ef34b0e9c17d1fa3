//! Nodes that come, go and are replaced while the cluster serves.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use troupe_runtime::membership::{NodeState, Scheduling};
use troupe_runtime::observe::Role;
use troupe_runtime::placement::{Operate as _, Operator, PlacementConfig};
use troupe_runtime::{Address, AskOptions, NodeId, Router, ShardId};

use super::toy::{Account, Deposit, Get};
use super::world::{World, config, spec_of};

const ACCOUNTS: u64 = 20;

fn account(n: u64) -> Address {
    Address::of::<Account>(format!("a{n}"))
}

async fn deposit(router: &Router, id: u64) {
    let options = AskOptions { within: Duration::from_secs(10), key: Some(u128::from(id) + 1) };
    router.ask(&account(id % ACCOUNTS), &Deposit { id, amount: 1 }, options).await.unwrap();
}

async fn holds(router: &Router, ids: u64) {
    for of in 0..ACCOUNTS {
        let found = router.query(&account(of), &Get {}, Duration::from_secs(10)).await.unwrap();
        let mut deposits = found.deposits;
        deposits.sort_unstable();
        let expected: Vec<u64> = (0..ids).filter(|id| id % ACCOUNTS == of).collect();
        assert_eq!(deposits, expected, "account {of}");
    }
}

fn operator(world: &World, node: u16) -> Operator {
    world.node(node).operator()
}

/// A node comes to the cluster.
async fn join(world: &mut World, node: u16) {
    operator(world, 1).join(spec_of(node)).await.unwrap();
    world.boot(node).await;
}

/// Data shards that a node votes in, by itself.
async fn votes(world: &World, node: u16) -> BTreeSet<ShardId> {
    let Ok(view) = world.node(node).inspect().node(NodeId(node)).await else { return BTreeSet::new() };
    let voting = view.shards.iter().filter(|shard| matches!(shard.role, Role::Leader | Role::Follower));
    voting.map(|shard| shard.shard).filter(|shard| *shard != ShardId::CONTROL).collect()
}

/// Writes without a pause until stopped; how many were acknowledged. Every one must be.
struct Writer {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<u64>,
}

impl Writer {
    fn start(router: Router, from: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let next = AtomicU64::new(from);
        let task = tokio::spawn(async move {
            while !stopped.load(Ordering::Relaxed) {
                deposit(&router, next.fetch_add(1, Ordering::Relaxed)).await;
            }
            next.into_inner()
        });
        Self { stop, task }
    }

    async fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_joins_takes_its_share_and_another_is_drained_and_removed_under_load() {
    let mut world = World::start().await;
    let writer = Writer::start(world.node(3).router(), 0);
    join(&mut world, 4).await;
    world.until("the newcomer votes in its share", async || votes(&world, 4).await.len() == 3).await;
    // It answers for shards that it does not hold as well.
    deposit(&world.node(4).router(), 1_000_000 * ACCOUNTS).await;
    operator(&world, 4).set_scheduling(NodeId(1), Scheduling::Draining).await.unwrap();
    let op = operator(&world, 2);
    world
        .until("the drained node holds nothing", async || {
            let remaining = op.remaining(NodeId(1)).await.unwrap_or_default();
            remaining.placed.is_empty() && remaining.votes.is_empty() && remaining.leads.is_empty() && {
                let cluster = op.cluster().await.unwrap();
                !cluster.sets[0].contains(&NodeId(1))
            }
        })
        .await;
    world.until("and has given up its replicas", async || votes(&world, 1).await.is_empty()).await;
    op.remove(NodeId(1)).await.unwrap();
    world.kill(1);
    world.until_led().await;
    let acknowledged = writer.stop().await;
    assert!(acknowledged > 50, "only {acknowledged}");
    let router = world.node(4).router();
    let one_more = router.query(&account(0), &Get {}, Duration::from_secs(10)).await.unwrap();
    assert!(one_more.deposits.contains(&(1_000_000 * ACCOUNTS)));
    for of in 1..ACCOUNTS {
        let mut found = router.query(&account(of), &Get {}, Duration::from_secs(10)).await.unwrap().deposits;
        found.sort_unstable();
        let expected: Vec<u64> = (0..acknowledged).filter(|id| id % ACCOUNTS == of).collect();
        assert_eq!(found, expected, "account {of}");
    }
    let refused = op.join(spec_of(1)).await.unwrap_err().to_string();
    assert!(refused.contains("choose another"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_joined_comes_back_from_its_own_disk_and_one_that_returns_holds_its_shards_again() {
    let mut world = World::start().await;
    join(&mut world, 4).await;
    world.until("the newcomer votes in its share", async || votes(&world, 4).await.len() == 3).await;
    let before = votes(&world, 4).await;
    for id in 0..100 {
        deposit(&world.router(), id).await;
    }
    world.kill(4);
    world.boot(4).await;
    world.until("it holds the same again", async || votes(&world, 4).await == before).await;
    // A shard that left the node comes back under an id that it never had.
    let shard = *before.iter().next().unwrap();
    let op = operator(&world, 2);
    let others: Vec<NodeId> = op.cluster().await.unwrap().sets[shard.0 as usize].clone();
    operator(&world, 2).set_scheduling(NodeId(4), Scheduling::Draining).await.unwrap();
    world.until("it holds nothing", async || votes(&world, 4).await.is_empty()).await;
    op.set_scheduling(NodeId(4), Scheduling::Full).await.unwrap();
    op.move_shard(shard, NodeId(4)).await.unwrap();
    world.until("it votes in it again", async || votes(&world, 4).await.contains(&shard)).await;
    assert!(others.contains(&NodeId(4)));
    holds(&world.node(4).router(), 100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stays_away_is_replaced_and_gives_up_what_it_had_when_it_returns() {
    let mut quick = config();
    quick.placement = PlacementConfig { replace_after: Duration::from_millis(800), ..quick.placement };
    let mut world = World::founded_by(4, quick).await;
    for id in 0..100 {
        deposit(&world.router(), id).await;
    }
    world.kill(4);
    let op = operator(&world, 1);
    world
        .until("its replicas are on the other three", async || {
            let remaining = op.remaining(NodeId(4)).await.unwrap_or_default();
            remaining.placed.is_empty() && remaining.votes.is_empty()
        })
        .await;
    assert_eq!(op.cluster().await.unwrap().nodes[&NodeId(4)].state, NodeState::Down);
    world.boot(4).await;
    world
        .until("it is up again, and takes a share", async || {
            let up = op.cluster().await.is_ok_and(|cluster| cluster.nodes[&NodeId(4)].state == NodeState::Up);
            up && votes(&world, 4).await.len() == 3
        })
        .await;
    holds(&world.node(4).router(), 100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_quorum_of_the_control_group_data_shards_serve_and_nothing_moves() {
    let mut world = World::founded_by(5, config()).await;
    for id in 0..100 {
        deposit(&world.router(), id).await;
    }
    let control = operator(&world, 1).cluster().await.unwrap().sets[0].clone();
    assert_eq!(control, [1, 2, 3].map(NodeId));
    // Two of the three that vote for the cluster's own truth go; each data shard keeps two of its three where it can.
    let survivors: BTreeSet<NodeId> = [3, 4, 5].map(NodeId).into();
    let sets = operator(&world, 1).cluster().await.unwrap().sets;
    world.kill(1);
    world.kill(2);
    let router = world.node(4).router();
    let lives =
        |shard: ShardId| sets[shard.0 as usize].iter().filter(|node| survivors.contains(node)).count() >= 2;
    let mut served = 0;
    for id in 100..200 {
        let shard = router.shard_of(&account(id % ACCOUNTS)).unwrap();
        if lives(shard) {
            deposit(&router, id).await;
            served += 1;
        }
    }
    assert!(served > 20, "{served} of 100 served");
    assert!(
        operator(&world, 4).set_scheduling(NodeId(5), Scheduling::Cordoned).await.is_err(),
        "nothing is decided about nodes"
    );
}
