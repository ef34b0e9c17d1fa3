//! Polls the work queues that this node leads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use troupe_actors::coordination::work_queues::{Claim, Grant, Waiting, queues};
use troupe_runtime::cluster::Runtime;
use troupe_runtime::{Address, AskOptions, Router};

use super::config::WorkConfig;
use super::executors::Executors;
use super::task;

/// Poll interval while there is work: a task that ends is often followed by the next one of the same owner.
const BUSY_LOOK: Duration = Duration::from_millis(2);
/// How long that interval holds after the last claim or end.
const BUSY_FOR: Duration = Duration::from_millis(200);
/// Time for a queue to answer.
const WITHIN: Duration = Duration::from_secs(2);

/// Claims and executes tasks while it is polled.
pub(super) async fn rounds(runtime: Arc<Runtime>, router: Router, executors: Executors, config: WorkConfig) {
    let worker = format!("node-{}", runtime.spec().here);
    let mut serving: JoinSet<String> = JoinSet::new();
    let mut busy: BTreeMap<String, u32> = BTreeMap::new();
    let mut busy_until = Instant::now();
    let mut empty: BTreeMap<&Address, u64> = BTreeMap::new();
    let queues: Vec<_> = queues().filter_map(|queue| Some((router.shard_of(&queue).ok()?, queue))).collect();
    loop {
        let calm = Instant::now() >= busy_until;
        tokio::time::sleep(if calm { config.look_every } else { config.look_every.min(BUSY_LOOK) }).await;
        while let Some(ended) = serving.try_join_next() {
            busy_until = Instant::now() + BUSY_FOR;
            if let Ok(executor) = ended {
                busy.entry(executor).and_modify(|count| *count = count.saturating_sub(1));
            }
        }
        for (shard, queue) in &queues {
            let shard = *shard;
            if !runtime.leads(shard) {
                continue;
            }
            // An empty queue stays empty until its shard applies something: asking it would renew the shard's lease, too.
            let applied = runtime.applied(shard);
            if applied.is_some() && empty.get(queue) == applied.as_ref() {
                continue;
            }
            let room = room(&config, &busy);
            let found = claim(&router, queue, &worker, room).await;
            match (&found, applied) {
                (Found::Empty, Some(applied)) => _ = empty.insert(queue, applied),
                _ => _ = empty.remove(queue),
            }
            let Found::Granted(grants, lease) = found else { continue };
            for grant in grants {
                busy_until = Instant::now() + BUSY_FOR;
                *busy.entry(grant.executor.clone()).or_default() += 1;
                let (router, executors) = (router.clone(), executors.clone());
                serving.spawn(async move {
                    let executor = grant.executor.clone();
                    // A panic of an executor must give its room back as any other end does.
                    let served = tokio::spawn(task::serve(router, executors, grant, lease));
                    let guard = AbortOnDrop(served);
                    guard.ended().await;
                    executor
                });
            }
        }
    }
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl AbortOnDrop {
    async fn ended(mut self) {
        if let Err(error) = (&mut self.0).await
            && error.is_panic()
        {
            tracing::error!(%error, "an executor panicked; its task is delivered again");
        }
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn room(config: &WorkConfig, busy: &BTreeMap<String, u32>) -> BTreeMap<String, u32> {
    let left = |(name, room): (&String, &u32)| {
        let left = room.saturating_sub(busy.get(name).copied().unwrap_or(0));
        (left > 0).then(|| (name.clone(), left))
    };
    config.at_once.iter().filter_map(left).collect()
}

/// The result of polling a queue.
enum Found {
    /// Nothing waits.
    Empty,
    /// What waits cannot be taken now.
    Nothing,
    /// Tasks, and how long they are this node's without a beat.
    Granted(Vec<Grant>, Duration),
}

async fn claim(router: &Router, queue: &Address, worker: &str, room: BTreeMap<String, u32>) -> Found {
    if room.is_empty() {
        return Found::Nothing;
    }
    let Ok(waiting) = router.query(queue, &Waiting {}, WITHIN).await else { return Found::Nothing };
    if waiting.tasks.is_empty() {
        return Found::Empty;
    }
    if !waiting.tasks.keys().any(|executor| room.contains_key(executor)) {
        return Found::Nothing;
    }
    let claim = Claim { worker: worker.to_owned(), room };
    match router.ask(queue, &claim, AskOptions::within(WITHIN)).await {
        Ok(granted) => Found::Granted(granted.tasks, Duration::from_millis(granted.lease_ms)),
        Err(_) => Found::Nothing,
    }
}
