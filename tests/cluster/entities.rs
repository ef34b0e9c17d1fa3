//! Entities under their policies: refusals, faults, keys, passivation, bounds.

use std::time::Duration;

use troupe_runtime::cluster::RuntimeConfig;
use troupe_runtime::observe::KeyRange;
use troupe_runtime::shard::ShardConfig;
use troupe_runtime::transport::AskOne;
use troupe_runtime::{Address, AskError, AskOptions};

use super::toy::{Account, Deposit, Explode, Get};
use super::world::{World, config};

fn account(key: &str) -> Address {
    Address::of::<Account>(key)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_ends_one_incarnation_and_nothing_else() {
    let world = World::start().await;
    let (bad, neighbour) = (account("{t}:bad"), account("{t}:good"));
    let router = world.router();
    for id in 1..=3 {
        for to in [&bad, &neighbour] {
            router.ask(to, &Deposit { id, amount: 1 }, AskOptions::default()).await.unwrap();
        }
    }
    let explode = Explode { why: "test".into() };
    let fault = router.ask(&bad, &explode, AskOptions::default()).await;
    assert_eq!(fault, Err(AskError::Fault("asked to explode: test".into())));
    for to in [&bad, &neighbour] {
        let seen = router.query(to, &Get {}, Duration::from_secs(5)).await.unwrap();
        assert_eq!(seen.deposits, [1, 2, 3], "{to}");
    }
    assert_eq!(router.ask(&bad, &Deposit { id: 4, amount: 1 }, AskOptions::default()).await, Ok(4));
    // Three faults within the period put it in quarantine, and not its neighbour.
    for _ in 0..2 {
        let _ = router.ask(&bad, &explode, AskOptions::default()).await;
    }
    let rejected = router.ask(&bad, &Deposit { id: 5, amount: 1 }, AskOptions::default()).await;
    assert!(matches!(&rejected, Err(AskError::Fault(why)) if why.contains("quarantined")), "{rejected:?}");
    assert_eq!(router.ask(&neighbour, &Deposit { id: 4, amount: 1 }, AskOptions::default()).await, Ok(4));
    let view = world.node(1).inspect().entity(bad).await.unwrap();
    assert!(view.given_up && view.faults == 3, "{view:?}");
    assert_eq!(view.recent[0].verb, "explode.v1");
    // An operator lets it try again.
    let bad = account("{t}:bad");
    let view = world.node(2).inspect().restart(bad.clone()).await.unwrap();
    assert!(!view.given_up && view.faults == 0, "{view:?}");
    assert_eq!(router.ask(&bad, &Deposit { id: 5, amount: 1 }, AskOptions::default()).await, Ok(5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_in_the_middle_of_a_batch_keeps_what_the_batch_decided_before_it() {
    let world = World::start().await;
    let to = account("batch");
    // Each with a key, so that an election while the cluster starts is not an outcome.
    let mut keys = 1..;
    let mut ask =
        |verb: &str, body: Vec<u8>| AskOne { to: to.clone(), verb: verb.into(), body, key: keys.next() };
    let deposit = |id| troupe_runtime::wire::encode(&Deposit { id, amount: 1 });
    let asks = vec![
        ask("deposit.v1", deposit(1)),
        ask("explode.v1", troupe_runtime::wire::encode(&Explode { why: "mid".into() })),
        ask("deposit.v1", deposit(2)),
        ask("nonsense.v1", Vec::new()),
        ask("deposit.v1", vec![255; 3]),
    ];
    let outcomes = world.router().ask_many(asks, Duration::from_secs(5)).await;
    let codes: Vec<&str> =
        outcomes.iter().map(|outcome| outcome.as_ref().map_or_else(AskError::code, |_| "OK")).collect();
    assert_eq!(codes, ["OK", "ENTITY_FAULT", "OK", "UNKNOWN_VERB", "BAD_BODY"]);
    let seen = world.router().query(&to, &Get {}, Duration::from_secs(5)).await.unwrap();
    assert_eq!(seen.deposits, [1, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_answers_again_and_refuses_another_body_also_after_a_failover() {
    let mut world = World::start().await;
    let to = account("keyed");
    let options = AskOptions { within: Duration::from_secs(10), key: Some(77) };
    assert_eq!(world.router().ask(&to, &Deposit { id: 1, amount: 5 }, options).await, Ok(5));
    let leader = world.node(1).inspect().entity(to.clone()).await.unwrap().node.0;
    world.kill(leader);
    world.until_led().await;
    let router = world.router();
    assert_eq!(router.ask(&to, &Deposit { id: 1, amount: 5 }, options).await, Ok(5), "the kept answer");
    let other = router.ask(&to, &Deposit { id: 2, amount: 6 }, options).await;
    assert_eq!(other, Err(AskError::KeyReused));
    let seen = router.query(&to, &Get {}, Duration::from_secs(5)).await.unwrap();
    assert_eq!(seen.deposits, [1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_and_unknown_names_are_answered_and_change_nothing() {
    let world = World::start().await;
    let router = world.router();
    let refused = router.ask(&account("r"), &Deposit { id: 1, amount: 0 }, AskOptions::default()).await;
    assert!(
        matches!(&refused, Err(AskError::Refused(r)) if r.code == "ZERO" && r.field.as_deref() == Some("amount"))
    );
    let nowhere = Address { kind: "nothing".into(), key: "x".into() };
    let unknown = router.ask(&nowhere, &Deposit { id: 1, amount: 1 }, AskOptions::default()).await;
    assert_eq!(unknown, Err(AskError::UnknownKind("nothing".into())));
    let late =
        router.ask(&account("r"), &Deposit { id: 1, amount: 1 }, AskOptions::within(Duration::ZERO)).await;
    assert_eq!(late, Err(AskError::Expired));
    let seen = router.query(&account("r"), &Get {}, Duration::from_secs(5)).await.unwrap();
    assert_eq!(seen.deposits, [] as [u64; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entities_beyond_the_memory_budget_are_passivated_and_come_back_unchanged() {
    let small =
        RuntimeConfig { shard: ShardConfig { resident_bytes_max: 5 * 2_048, ..config().shard }, ..config() };
    let world = World::start_with(small).await;
    let router = world.router();
    for id in 0..200 {
        let to = account(&format!("p{id}"));
        router.ask(&to, &Deposit { id, amount: 1 }, AskOptions::default()).await.unwrap();
    }
    world
        .until("residents fit the budget on every replica", async || {
            let views = world.views().await;
            views.iter().flat_map(|view| &view.shards).all(|shard| shard.entity_bytes <= 2_048)
        })
        .await;
    for id in 0..200 {
        let to = account(&format!("p{id}"));
        let seen = router.query(&to, &Get {}, Duration::from_secs(5)).await.unwrap();
        assert_eq!(seen.deposits, [id]);
    }
    let mut keys: Vec<String> = Vec::new();
    loop {
        let after = keys.last().cloned().unwrap_or_default();
        let range = KeyRange { kind: "accounts".into(), prefix: "p".into(), after, limit: 30 };
        let page = world.node(1).inspect().keys(range).await.unwrap();
        if page.is_empty() {
            break;
        }
        keys.extend(page);
    }
    let mut all: Vec<String> = (0..200).map(|id| format!("p{id}")).collect();
    all.sort_unstable();
    assert_eq!(keys, all, "each once, in order, resident or not");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_mailbox_answers_busy_and_recovers() {
    let narrow = RuntimeConfig {
        shard: ShardConfig {
            mailbox_asks_max: 16,
            batch_commands_max: 4,
            inflight_entries_max: 1,
            ..config().shard
        },
        ..config()
    };
    let world = World::start_with(narrow).await;
    let to = account("hot");
    let router = world.router();
    let leader = world.node(1).inspect().entity(to.clone()).await.unwrap().node.0;
    let hot = world.node(leader).router();
    let asks = (0..400_u64).map(|id| {
        let (hot, to) = (hot.clone(), to.clone());
        async move { hot.ask(&to, &Deposit { id, amount: 1 }, AskOptions::default()).await }
    });
    let outcomes = futures::future::join_all(asks).await;
    let done = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let busy = outcomes.iter().filter(|outcome| matches!(outcome, Err(AskError::Busy { .. }))).count();
    assert_eq!(done + busy, 400, "nothing else than done or busy");
    assert!(busy > 0 && done > 0, "done {done}, busy {busy}");
    let seen = router.query(&to, &Get {}, Duration::from_secs(5)).await.unwrap();
    assert_eq!(seen.deposits.len(), done);
}
