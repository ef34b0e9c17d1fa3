//! Timers are part of the state: they survive what it survives, and take effect once.

use std::time::Duration;

use futures::future::join_all;
use troupe_runtime::entity::CatchUp;
use troupe_runtime::{Address, AskError, AskOptions, Router};

use super::toy::{Account, Forget, Get, Remind};
use super::world::World;

fn account(key: &str) -> Address {
    Address::of::<Account>(key)
}

fn once(name: &str, id: u64, after_ms: i64) -> Remind {
    Remind { name: name.to_owned(), id, after_ms, every_ms: None, catch_up: CatchUp::One }
}

async fn remind(router: &Router, to: &Address, remind: &Remind) -> Result<u64, AskError> {
    let key = u128::from(remind.id) << 64 | u128::from(to.key.len() as u64) | 1;
    let options = AskOptions { within: Duration::from_secs(10), key: Some(key) };
    router.ask(to, remind, options).await
}

async fn deposits(router: &Router, of: &Address) -> Vec<u64> {
    router.query(of, &Get {}, Duration::from_secs(5)).await.map_or_else(|_| Vec::new(), |seen| seen.deposits)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timer_fires_once_though_its_leader_dies_before_during_and_after() {
    let mut world = World::start().await;
    let survivor = 1 + world.busiest().await % 3;
    let router = world.node(survivor).router();
    let accounts: Vec<Address> = (0..40).map(|n| account(&format!("due{n}"))).collect();
    for (to, n) in accounts.iter().zip(0_i64..) {
        remind(&router, to, &once("t", n.unsigned_abs() + 1, 200 + n * 50)).await.unwrap();
    }
    let steady = account("steady");
    let every = Remind { every_ms: Some(50), catch_up: CatchUp::All, ..once("beat", 999, 0) };
    let first = remind(&router, &steady, &every).await.unwrap();
    let fired = async || join_all(accounts.iter().map(|to| deposits(&router, to))).await;
    world.until("some have fired", async || fired().await.iter().flatten().count() > 5).await;
    assert!(fired().await.iter().any(Vec::is_empty), "and some have not");
    world.kill(world.busiest().await);
    world.until("all have fired", async || fired().await.iter().all(|ids| !ids.is_empty())).await;
    let ids: Vec<u64> = fired().await.concat();
    assert_eq!(ids, (1..=40).collect::<Vec<u64>>(), "each once");
    // What repeats and makes everything up has fired exactly as often as its next time says.
    let name = Forget { name: "beat".to_owned() };
    let view = world.node(survivor).inspect().entity(steady.clone()).await.unwrap();
    assert_eq!((view.timers.len(), view.timers[0].name.as_str()), (1, "beat"));
    assert_eq!(
        router.ask(&steady, &name, AskOptions { key: Some(7), ..AskOptions::default() }).await,
        Ok(true)
    );
    let count = deposits(&router, &steady).await.len() as u64;
    let least = (view.timers[0].due.0 - first) / 50;
    assert!(count >= least.max(20), "{count} firings, {least} before the look");
    let again = router.ask(&steady, &name, AskOptions { key: Some(8), ..AskOptions::default() }).await;
    assert_eq!(again, Ok(false), "a timer cancelled is gone");
    assert_eq!(deposits(&router, &steady).await.len() as u64, count);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timers_outlive_a_restart_of_every_node_and_late_ones_are_made_up_by_their_policy() {
    let mut world = World::start().await;
    let router = world.router();
    // As if no node had led the shard for a second.
    let late = |catch_up, id| Remind { every_ms: Some(200), catch_up, ..once("late", id, -1_010) };
    let policies = [(CatchUp::Skip, 0), (CatchUp::One, 1), (CatchUp::All, 6)];
    for ((catch_up, _), n) in policies.iter().zip(1..) {
        remind(&router, &account(&format!("policy{n}")), &late(*catch_up, n)).await.unwrap();
    }
    let marker = account("marker");
    remind(&router, &marker, &once("soon", 10, 60)).await.unwrap();
    world.until("what is due has fired", async || !deposits(&router, &marker).await.is_empty()).await;
    for ((catch_up, least), n) in policies.iter().zip(1..) {
        let of = account(&format!("policy{n}"));
        let fired = deposits(&router, &of).await.len();
        // More only as far as time has passed since.
        assert!((*least..*least + 3).contains(&fired), "{catch_up:?}: {fired}");
    }
    let after = account("after");
    remind(&router, &after, &once("later", 11, 1_500)).await.unwrap();
    for node in 1..=3 {
        world.kill(node);
    }
    for node in 1..=3 {
        world.boot(node).await;
    }
    world.until_led().await;
    let router = world.router();
    world.until("it fires after the restart", async || deposits(&router, &after).await == [11]).await;
    let view = world.node(1).inspect().entity(after).await.unwrap();
    assert!(view.timers.is_empty(), "{:?}", view.timers);
    assert!(view.recent.iter().any(|message| message.caller.contains("timer")), "{:?}", view.recent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_timer_does_not_fire_a_replaced_one_fires_as_replaced_and_bounds_refuse() {
    let world = World::start().await;
    let router = world.router();
    let of = account("cancel");
    remind(&router, &of, &once("a", 1, 400)).await.unwrap();
    remind(&router, &of, &once("b", 2, 60_000)).await.unwrap();
    remind(&router, &of, &once("b", 3, 500)).await.unwrap();
    let forgotten = router.ask(&of, &Forget { name: "a".to_owned() }, AskOptions::default()).await;
    assert_eq!(forgotten, Ok(true));
    world.until("the replaced one fires", async || deposits(&router, &of).await == [3]).await;
    let full = account("full");
    for n in 0..64 {
        remind(&router, &full, &once(&format!("t{n}"), 100 + n, 60_000)).await.unwrap();
    }
    let refused = remind(&router, &full, &once("one more", 200, 60_000)).await;
    assert!(matches!(&refused, Err(AskError::Refused(why)) if why.code == "TIMERS_FULL"), "{refused:?}");
    remind(&router, &full, &once("t0", 201, 60_000)).await.unwrap();
    let short = Remind { every_ms: Some(1), ..once("short", 202, 0) };
    let refused = remind(&router, &of, &short).await;
    assert!(
        matches!(&refused, Err(AskError::Refused(why)) if why.field.as_deref() == Some("every")),
        "{refused:?}"
    );
}
