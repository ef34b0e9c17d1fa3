//! Effects between entities arrive once in effect, also when leaders die on the way.

use std::time::Duration;

use troupe_runtime::{Address, AskOptions};

use super::toy::{Account, Deposit, Get, Transfer};
use super::world::World;

fn account(key: &str) -> Address {
    Address::of::<Account>(key)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_effect_within_a_shard_is_in_the_same_entry() {
    let world = World::start().await;
    let (from, to) = (account("{x}:from"), account("{x}:to"));
    let transfer = Transfer { id: 1, amount: 5, to: to.key.clone() };
    world.router().ask(&from, &transfer, AskOptions::default()).await.unwrap();
    let seen = world.router().query(&to, &Get {}, Duration::from_secs(5)).await.unwrap();
    assert_eq!(seen.balance, 5, "acknowledged with the transfer, so there at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transfers_between_shards_conserve_the_sum_while_leaders_are_killed() {
    let mut world = World::start().await;
    let mut sent = 0_u64;
    for round in 0..3_u64 {
        let survivor = 1 + (round as u16 % 3);
        let victim = 1 + ((round as u16 + 1) % 3);
        let router = world.node(survivor).router();
        let writer = tokio::spawn(async move {
            for n in 0..150_u64 {
                let id = round * 1_000 + n;
                let options = AskOptions { within: Duration::from_secs(10), key: Some(u128::from(id) + 1) };
                let transfer = Transfer { id, amount: 1, to: format!("to{}", n % 13) };
                router.ask(&account(&format!("from{}", n % 7)), &transfer, options).await.unwrap();
            }
            150
        });
        world.kill(victim);
        sent += writer.await.unwrap();
        world.boot(victim).await;
        world.until_led().await;
    }
    let router = world.router();
    world
        .until("every effect has arrived", async || {
            let mut arrived = 0;
            for n in 0..13 {
                let to = account(&format!("to{n}"));
                arrived += router.query(&to, &Get {}, Duration::from_secs(5)).await.map_or(0, |s| s.balance);
            }
            arrived >= i64::try_from(sent).unwrap()
        })
        .await;
    let (mut arrived, mut ids) = (0, Vec::new());
    for n in 0..13 {
        let seen = router.query(&account(&format!("to{n}")), &Get {}, Duration::from_secs(5)).await.unwrap();
        arrived += seen.balance;
        ids.extend(seen.deposits);
    }
    assert_eq!(arrived, i64::try_from(sent).unwrap());
    ids.sort_unstable();
    assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "an effect was applied twice");
    world
        .until("outboxes run empty once their effects are acknowledged", async || {
            world.views().await.iter().flat_map(|view| &view.shards).all(|shard| shard.outbox == 0)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_effect_that_is_refused_is_a_dead_letter_and_stops_nothing() {
    let world = World::start().await;
    let from = account("from");
    let refused = Transfer { id: 1, amount: 0, to: "elsewhere".into() };
    world.router().ask(&from, &refused, AskOptions::default()).await.unwrap();
    let fine = Transfer { id: 2, amount: 3, to: "elsewhere".into() };
    world.router().ask(&from, &fine, AskOptions::default()).await.unwrap();
    let router = world.router();
    world
        .until("the effect behind the refused one arrives", async || {
            let seen = router.query(&account("elsewhere"), &Get {}, Duration::from_secs(5)).await;
            seen.is_ok_and(|seen| seen.deposits == [2])
        })
        .await;
    let deposit = Deposit { id: 3, amount: 1 };
    assert_eq!(router.ask(&account("elsewhere"), &deposit, AskOptions::default()).await, Ok(4));
}
