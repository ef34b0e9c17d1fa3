//! Killing leaders under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use troupe_runtime::{Address, AskError, AskOptions, NodeId};

use super::toy::{Account, Deposit, Get};
use super::world::World;

fn account(n: u64) -> Address {
    Address::of::<Account>(format!("a{n}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_leader_loses_no_acknowledged_deposit_and_doubles_none() {
    let mut world = World::start().await;
    let victim = world.busiest().await;
    let survivor = if victim == 1 { 2 } else { 1 };
    let router = world.node(survivor).router();
    let stop = Arc::new(AtomicBool::new(false));
    let acked_total = Arc::new(AtomicU64::new(0));
    let writers: Vec<_> = (0..8_u64)
        .map(|writer| {
            let (router, stop, acked_total) = (router.clone(), stop.clone(), acked_total.clone());
            tokio::spawn(async move {
                let (mut acked, mut doubtful) = (Vec::new(), Vec::new());
                for n in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let id = writer * 1_000_000 + n;
                    // A key makes the router's own retry after an unknown outcome safe.
                    let options =
                        AskOptions { within: Duration::from_secs(5), key: Some(u128::from(id) + 1) };
                    match router.ask(&account(id % 40), &Deposit { id, amount: 1 }, options).await {
                        Ok(_) => {
                            acked.push(id);
                            acked_total.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(error) if error.executed() => doubtful.push(id),
                        Err(AskError::Busy { .. } | AskError::NotSent(_) | AskError::Expired) => {}
                        Err(error) => panic!("untyped or unexpected: {error}"),
                    }
                }
                (acked, doubtful)
            })
        })
        .collect();
    world.until("some load", async || acked_total.load(Ordering::Relaxed) > 300).await;
    world.kill(victim);
    let before = acked_total.load(Ordering::Relaxed);
    world.until("load goes on", async || acked_total.load(Ordering::Relaxed) > before + 300).await;
    world.boot(victim).await;
    world.until("load goes on", async || acked_total.load(Ordering::Relaxed) > before + 600).await;
    stop.store(true, Ordering::Relaxed);
    let (mut acked, mut doubtful) = (Vec::new(), Vec::new());
    for writer in writers {
        let (a, d) = writer.await.unwrap();
        acked.extend(a);
        doubtful.extend(d);
    }
    let mut found = Vec::new();
    for of in 0..40 {
        found.extend(router.query(&account(of), &Get {}, Duration::from_secs(10)).await.unwrap().deposits);
    }
    found.sort_unstable();
    let doubled: Vec<_> = found.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(doubled.is_empty(), "applied twice: {doubled:?}");
    let lost: Vec<_> = acked.iter().filter(|id| found.binary_search(id).is_err()).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let invented: Vec<_> = found.iter().filter(|id| !acked.contains(id) && !doubtful.contains(id)).collect();
    assert!(invented.is_empty(), "refused and applied all the same: {invented:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_cut_off_from_its_peers_answers_no_query() {
    let world = World::start().await;
    let address = account(3);
    world.router().ask(&address, &Deposit { id: 1, amount: 1 }, AskOptions::default()).await.unwrap();
    let entity = world.node(1).inspect().entity(address.clone()).await.unwrap();
    let old = entity.node.0;
    for other in (1..=3).filter(|other| *other != old) {
        world.network.cut(NodeId(old), NodeId(other));
    }
    let survivor = if old == 1 { 2 } else { 1 };
    let within = AskOptions { within: Duration::from_secs(10), key: Some(9) };
    world.node(survivor).router().ask(&address, &Deposit { id: 2, amount: 1 }, within).await.unwrap();
    // The old leader may refuse or time out; an answer without the second deposit would be stale.
    let stale = world.node(old).router().query(&address, &Get {}, Duration::from_millis(800)).await;
    assert!(stale.is_err(), "the deposed leader answered {stale:?}");
    for other in (1..=3).filter(|other| *other != old) {
        world.network.heal(NodeId(old), NodeId(other));
    }
    let seen = world.node(old).router().query(&address, &Get {}, Duration::from_secs(10)).await.unwrap();
    assert_eq!(seen.deposits, [1, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn draining_a_node_hands_its_shards_over_without_a_failed_call() {
    let world = World::start().await;
    let node = world.busiest().await;
    let other = if node == 1 { 2 } else { 1 };
    let router = world.node(other).router();
    let writer = tokio::spawn(async move {
        for id in 0..400_u64 {
            let options = AskOptions::within(Duration::from_secs(5));
            router.ask(&account(id % 10), &Deposit { id, amount: 1 }, options).await?;
        }
        Ok::<(), AskError>(())
    });
    world.node(node).drain(Duration::from_secs(5)).await;
    assert_eq!(writer.await.unwrap(), Ok(()));
    let views = world.views().await;
    let view = views.iter().find(|view| view.node.0 == node).unwrap();
    let still: Vec<_> =
        view.shards.iter().filter(|shard| shard.role == troupe_runtime::observe::Role::Leader).collect();
    assert!(still.is_empty(), "still led here: {still:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_stop_together_do_not_hand_leadership_to_and_fro() {
    let world = World::start().await;
    let terms = async || {
        let views = world.views().await;
        let shards = views.iter().flat_map(|view| &view.shards);
        let mut terms = std::collections::BTreeMap::new();
        for shard in shards {
            let term = terms.entry(shard.shard).or_insert(shard.term);
            *term = shard.term.max(*term);
        }
        terms
    };
    let before = terms().await;
    let within = Duration::from_secs(30);
    let began = std::time::Instant::now();
    tokio::join!(world.node(1).drain(within), world.node(2).drain(within), world.node(3).drain(within));
    assert!(began.elapsed() < within, "a drain waits for a successor that does not come");
    for (shard, term) in terms().await {
        assert!(term <= before[&shard] + 2, "{shard}: term {} became {term}", before[&shard]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_answers_from_a_state_that_is_as_young_as_asked_for_or_not_at_all() {
    let world = World::start().await;
    let address = account(4);
    let router = world.router();
    router.ask(&address, &Deposit { id: 1, amount: 1 }, AskOptions::default()).await.unwrap();
    let leader = world.node(1).inspect().entity(address.clone()).await.unwrap().node.0;
    let follower = (1..=3).find(|node| *node != leader).unwrap();
    let (at_leader, at_follower) = (world.node(leader).router(), world.node(follower).router());
    let (no_age, second) = (Duration::ZERO, Duration::from_secs(1));
    let near = async |age_max, within| at_follower.query_near(&address, &Get {}, age_max, within).await;
    for id in 2..50 {
        at_leader.ask(&address, &Deposit { id, amount: 1 }, AskOptions::default()).await.unwrap();
        let aged = near(Duration::from_millis(id), second * 10).await.unwrap();
        assert!(aged.age <= Duration::from_millis(id), "{:?} at {id} ms", aged.age);
        // What it lacks was acknowledged within its age; each deposit took longer than nothing.
        let aged = near(no_age, second * 10).await.unwrap();
        assert_eq!(
            (aged.reply.deposits.len() as u64, aged.age),
            (id, no_age),
            "nothing acknowledged may be missing"
        );
    }
    // The leader itself answers as ever.
    let aged = at_leader.query_near(&address, &Get {}, second, second * 10).await.unwrap();
    assert_eq!((aged.reply.deposits.len(), aged.age), (49, no_age));
    // Cut off, it still has a state of some age, and says so; a younger one it has not.
    for other in (1..=3).filter(|other| *other != follower) {
        world.network.cut(NodeId(follower), NodeId(other));
    }
    at_leader.ask(&address, &Deposit { id: 50, amount: 1 }, AskOptions::default()).await.unwrap();
    let aged = near(second * 60, second * 10).await.unwrap();
    assert_eq!(aged.reply.deposits.len(), 49);
    assert!(aged.age > no_age);
    let refused = near(no_age, second).await;
    assert!(refused.is_err(), "{refused:?}");
}
