//! Finds canaries with a look that is due, and sends them the points of that look.
//!
//! Every node does so, each after a delay of its own. The first node does the work, and the next one serves a canary after
//! a node died. A look that two nodes serve counts once.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;
use troupe_actors::canary_analysis::{Canary, GetCanary, GiveUp, JudgeLook};
use troupe_actors::coordination::directory::Directory;
use troupe_runtime::entity::Globals;
use troupe_runtime::locks::lock;
use troupe_runtime::routing::{ask, tell};
use troupe_runtime::supervised::ChildSpec;
use troupe_runtime::{AskError, Timestamp};
use troupe_statistics::canary::{CanaryConfig, Sides};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::fetch::Fetch;
use super::request::{AnalysisRequest, ExecutionRequest};
use crate::background;

/// Between looks at the clock.
const TICK: Duration = Duration::from_secs(1);
/// Looks served at once.
const AT_ONCE_MAX: usize = 4;
/// Longest wait of a node, in milliseconds.
const WAIT_MS_MAX: u64 = 3_000;
/// Time for a canary to take its points.
const WITHIN: Duration = Duration::from_secs(20);

/// The analyst of a node, for its supervision tree. `salt` tells the nodes apart.
pub fn child(fetch: Fetch, globals: Arc<Globals>, salt: u64) -> ChildSpec {
    background::child("analyst", move || work(fetch.clone(), globals.clone(), salt))
}

async fn work(fetch: Fetch, globals: Arc<Globals>, salt: u64) {
    let busy = Arc::new(Mutex::new(HashSet::new()));
    let mut serving = JoinSet::new();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        while serving.try_join_next().is_some() {}
        let Some(directory) = Directory::read::<Canary>(&globals) else { continue };
        let now = Timestamp::wall();
        for entry in directory.due(now) {
            let wait = xxh3_64_with_seed(entry.key.as_bytes(), salt) % WAIT_MS_MAX;
            let late = entry.due.is_some_and(|due| now.0.saturating_sub(due.0) >= wait);
            if !late || serving.len() >= AT_ONCE_MAX {
                continue;
            }
            let free = lock(&busy).insert(entry.key.clone());
            if free {
                let (fetch, key, busy) = (fetch.clone(), entry.key.clone(), busy.clone());
                serving.spawn(async move {
                    if let Err(error) = serve(&fetch, &key).await {
                        tracing::warn!(canary = %key, %error, "could not send a canary the points of its look");
                    }
                    lock(&busy).remove(&key);
                });
            }
        }
    }
}

async fn serve(fetch: &Fetch, key: &str) -> Result<(), AskError> {
    let view = ask::<Canary, GetCanary>(&fetch.router, key, &GetCanary {}, WITHIN).await?;
    let Some(started) = &view.started else { return Ok(()) };
    // The request was checked when it came; what is stored is what was checked.
    let request = started.request.0.clone();
    let (look, sides) = match &view.next {
        Some(window) => {
            let sides = serde_json::from_value::<AnalysisRequest>(request)
                .map(|request| request.sides(window.0.from_ms, window.0.until_ms));
            (window.0.look, sides.unwrap_or_default())
        }
        // A time of the past, which is judged once.
        None if started.lifetime.is_none() && view.verdict.is_none() => {
            let sides =
                serde_json::from_value::<ExecutionRequest>(request).ok().and_then(|one| one.sides().ok());
            (0, sides.unwrap_or_default())
        }
        None => return Ok(()),
    };
    bring(fetch, key, look, &started.config.0, &sides).await
}

/// Brings a canary the points of a look, or why they cannot be had.
pub async fn bring(
    fetch: &Fetch,
    key: &str,
    look: u64,
    config: &CanaryConfig,
    sides: &BTreeMap<String, Sides>,
) -> Result<(), AskError> {
    match fetch.pairs(config, sides).await {
        Ok(pairs) => {
            let judge = JudgeLook { look, pairs };
            match tell::<Canary, JudgeLook>(&fetch.router, key, &judge, WITHIN).await {
                // A refusal would repeat: the canary gets the reason, and ends when it is overdue.
                Err(AskError::Refused(refused)) => give_up(fetch, key, look, refused.message).await,
                said => said.map(|_| ()),
            }
        }
        Err(why) => give_up(fetch, key, look, why).await,
    }
}

async fn give_up(fetch: &Fetch, key: &str, look: u64, why: String) -> Result<(), AskError> {
    tell::<Canary, GiveUp>(&fetch.router, key, &GiveUp { look, why }, WITHIN).await
}
