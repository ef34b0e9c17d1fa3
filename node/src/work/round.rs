//! Looks at the queues that this node leads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use troupe_actors::tasks::{Claim, Waiting, queues};
use troupe_runtime::cluster::Runtime;
use troupe_runtime::{Address, AskOptions, Router};

use super::config::WorkConfig;
use super::executors::Executors;
use super::task;

/// Time for a queue to answer.
const WITHIN: Duration = Duration::from_secs(2);

/// Claims and serves for as long as it is polled.
pub(super) async fn rounds(runtime: Arc<Runtime>, router: Router, executors: Executors, config: WorkConfig) {
    let worker = format!("node-{}", runtime.spec().here);
    let mut serving: JoinSet<String> = JoinSet::new();
    let mut busy: BTreeMap<String, u32> = BTreeMap::new();
    let mut looks = tokio::time::interval(config.look_every);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        while let Some(ended) = serving.try_join_next() {
            if let Ok(executor) = ended {
                busy.entry(executor).and_modify(|count| *count = count.saturating_sub(1));
            }
        }
        for queue in queues() {
            let led = router.shard_of(&queue).is_ok_and(|shard| runtime.leads(shard));
            if !led {
                continue;
            }
            let room = room(&config, &busy);
            let Some((grants, lease)) = claim(&router, &queue, &worker, room).await else { continue };
            for grant in grants {
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

async fn claim(
    router: &Router,
    queue: &Address,
    worker: &str,
    room: BTreeMap<String, u32>,
) -> Option<(Vec<troupe_actors::tasks::Grant>, Duration)> {
    if room.is_empty() {
        return None;
    }
    let waiting = router.query(queue, &Waiting {}, WITHIN).await.ok()?;
    if !waiting.tasks.keys().any(|executor| room.contains_key(executor)) {
        return None;
    }
    let claim = Claim { worker: worker.to_owned(), room };
    let granted = router.ask(queue, &claim, AskOptions::within(WITHIN)).await.ok()?;
    Some((granted.tasks, Duration::from_millis(granted.lease_ms)))
}
