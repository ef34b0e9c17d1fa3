//! Memory of idle entities, and the speed of their activation from the store.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::bail;
use troupe_actors::coordination::probes::{Get, Probe, Put};
use troupe_runtime::cluster::RuntimeConfig;
use troupe_runtime::replication::RaftConfig;
use troupe_runtime::shard::ShardConfig;
use troupe_runtime::storage::{StoreConfig, open_store};
use troupe_runtime::transport::AskOne;
use troupe_runtime::{Address, Command as _, Query as _, wire};

use crate::Alone;
use crate::members::settled_bytes;

const WITHIN: Duration = Duration::from_secs(30);
/// Entities asked in one call, and calls in flight.
const A_CALL: u32 = 1_000;
/// Time limit for the passivation of all entities.
const PASSIVE_WITHIN: Duration = Duration::from_secs(60);

/// Memory of idle entities.
#[derive(Debug, Clone, Copy)]
pub struct Idle {
    /// Number of entities.
    pub entities: u32,
    /// Growth of the process's resident set.
    pub resident_bytes: u64,
    /// The same for a map from the same keys to a number.
    pub map_bytes: u64,
}

/// Activations from the store.
#[derive(Debug, Clone, Copy)]
pub struct Activations {
    /// Number of entities.
    pub entities: u32,
    /// Time for one query to each entity.
    pub took: Duration,
    /// Time of the store alone for as many reads of the same size.
    pub store: Duration,
}

/// Creates `count` registers and measures their memory.
///
/// # Errors
/// A node that does not start, or a call that fails.
pub async fn idle(entities: u32) -> anyhow::Result<Idle> {
    // The map first: later it could reuse freed memory.
    let before = settled_bytes().await?;
    let map: HashMap<String, u64> = (0..entities).map(|key| (key.to_string(), u64::from(key))).collect();
    let map_bytes = settled_bytes().await?.saturating_sub(before).max(1);
    black_box(&map);
    let config = RuntimeConfig {
        shards: 8,
        raft: RaftConfig { log_kept_bytes: 0, ..RaftConfig::default() },
        shard: ShardConfig {
            checkpoint_log_bytes: 128 << 10,
            recent_messages_max: 16,
            ..ShardConfig::default()
        },
        ..RuntimeConfig::default()
    };
    let alone = Alone::start(config).await?;
    // The first entities pay for shared buffers.
    put(&alone, 0..entities / 4).await?;
    let before = settled_bytes().await?;
    put(&alone, entities..entities * 2).await?;
    let resident_bytes = settled_bytes().await?.saturating_sub(before);
    drop(map);
    Ok(Idle { entities, resident_bytes, map_bytes })
}

/// Creates `count` registers, waits until all are passivated, and queries each.
///
/// # Errors
/// A node or a store that does not start, a call that fails, or entities that are not passivated.
pub async fn activations(entities: u32) -> anyhow::Result<Activations> {
    let dir = tempfile::Builder::new().prefix("troupe-bench-").tempdir()?;
    let store = open_store(&StoreConfig::default(), dir.path())?;
    let config = RuntimeConfig {
        shards: 8,
        shard: ShardConfig {
            checkpoint_every: Duration::from_millis(200),
            passivate_after: Duration::from_secs(1),
            ..ShardConfig::default()
        },
        ..RuntimeConfig::default()
    };
    let alone = Alone::start_on(config, store.clone()).await?;
    put(&alone, 0..entities).await?;
    let start = Instant::now();
    loop {
        let resident = alone.resident().await?;
        if resident < u64::from(entities) / 1_000 {
            break;
        }
        if start.elapsed() > PASSIVE_WITHIN {
            bail!("{resident} of {entities} entities are still in memory after {PASSIVE_WITHIN:?}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let start = Instant::now();
    ask(&alone, 0..entities, Get::VERB, &|_| wire::encode(&Get {})).await?;
    let took = start.elapsed();
    // The store's own share of it: as many reads of records of that size.
    let store = tokio::task::spawn_blocking(move || -> anyhow::Result<Duration> {
        let shard = troupe_runtime::ShardId(9);
        for first in (0..entities).step_by(A_CALL as usize) {
            let mut batch = troupe_runtime::storage::StoreBatch::default();
            for key in first..entities.min(first + A_CALL) {
                batch.puts.push((key.to_be_bytes().to_vec(), vec![7; 32]));
            }
            store.write(shard, batch)?;
        }
        let start = Instant::now();
        for key in 0..entities {
            black_box(store.get(shard, &key.to_be_bytes())?);
        }
        Ok(start.elapsed())
    });
    Ok(Activations { entities, took, store: store.await?? })
}

async fn put(alone: &Alone, keys: std::ops::Range<u32>) -> anyhow::Result<()> {
    ask(alone, keys, Put::VERB, &|key| wire::encode(&Put { value: u64::from(key) })).await
}

async fn ask(
    alone: &Alone,
    keys: std::ops::Range<u32>,
    verb: &str,
    body: &(dyn Fn(u32) -> Vec<u8> + Sync),
) -> anyhow::Result<()> {
    let router = alone.router();
    for first in keys.clone().step_by(A_CALL as usize) {
        let asks = (first..keys.end.min(first + A_CALL))
            .map(|key| AskOne {
                to: Address::of::<Probe>(key.to_string()),
                verb: verb.to_owned(),
                body: body(key),
                key: None,
            })
            .collect();
        for outcome in router.ask_many(asks, WITHIN).await {
            outcome?;
        }
    }
    Ok(())
}
