//! Overload: more calls than a cluster can answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::cluster::Endpoints;
use crate::history::Call;
use crate::workload::{Gateway, Outcome, Request};

/// Calls in flight while the capacity is measured.
const FULL: usize = 64;
/// Duration of that measurement.
const MEASURE: Duration = Duration::from_secs(3);
/// The offered load, as a multiple of the capacity.
const TIMES: f64 = 3.0;
/// Most calls in flight, hence connections: more than the gateways' concurrency limit. Calls beyond it are not sent.
const IN_FLIGHT_MAX: usize = 1_500;
/// Deadline of each call.
const WITHIN: Duration = Duration::from_secs(2);

#[derive(Default)]
struct Counts {
    ok: AtomicU64,
    refused: AtomicU64,
    /// Sent, but not answered in time or with a broken connection.
    silent: AtomicU64,
    /// Not sent: no connection, or too many calls in flight.
    unsent: AtomicU64,
}

impl Counts {
    fn count(&self, outcome: &Outcome) {
        let counter = match outcome {
            Outcome::Ok(_) => &self.ok,
            Outcome::Fail { .. } | Outcome::Unknown { .. } => &self.refused,
            Outcome::NotSent => &self.unsent,
            _ => &self.silent,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Puts to keys of all shards, at three times the measured capacity.
pub(super) async fn overload(
    endpoints: &[Endpoints],
    hold: Duration,
    seed: u64,
) -> anyhow::Result<Vec<String>> {
    let gateways = gateways(endpoints)?;
    let counts = Arc::new(Counts::default());
    closed(&gateways, MEASURE, &counts, move |at| format!("load-{}", (at ^ seed) % 997)).await;
    let capacity = rate(&counts.ok, MEASURE);
    let counts = Arc::new(Counts::default());
    let offered = open(&gateways, capacity * TIMES, hold, &counts, seed).await;
    Ok(vec![format!(
        "{capacity:.0} calls/s answered by {FULL} clients; {:.0}/s offered for {} s: {:.0}/s answered, {:.0}/s refused \
         with a typed problem, {:.0}/s without an answer, {:.0}/s held back by the clients",
        rate_of(offered, hold),
        hold.as_secs(),
        rate(&counts.ok, hold),
        rate(&counts.refused, hold),
        rate(&counts.silent, hold),
        rate(&counts.unsent, hold),
    )])
}

/// Puts to one key, as many as the clients can send.
pub(super) async fn hot_key(
    endpoints: &[Endpoints],
    hold: Duration,
    seed: u64,
) -> anyhow::Result<Vec<String>> {
    let gateways = gateways(endpoints)?;
    let counts = Arc::new(Counts::default());
    closed(&gateways, hold, &counts, move |_| format!("hot-{seed}")).await;
    Ok(vec![format!(
        "{:.0} puts/s to one key by {FULL} clients, {:.0}/s refused with a typed problem, {:.0}/s without an answer",
        rate(&counts.ok, hold),
        rate(&counts.refused, hold),
        rate(&counts.silent, hold),
    )])
}

fn gateways(endpoints: &[Endpoints]) -> anyhow::Result<Vec<Gateway>> {
    endpoints
        .iter()
        .map(|endpoint| Gateway::keeping(endpoint.gateway, IN_FLIGHT_MAX / endpoints.len()))
        .collect()
}

/// A closed loop: each client waits for its answer.
async fn closed(
    gateways: &[Gateway],
    hold: Duration,
    counts: &Arc<Counts>,
    key: impl Fn(u64) -> String + Clone + Send + 'static,
) {
    let until = Instant::now() + hold;
    let mut clients = JoinSet::new();
    for client in 0..FULL {
        let (gateway, counts, key) = (gateways[client % gateways.len()].clone(), counts.clone(), key.clone());
        clients.spawn(async move {
            let mut at = (client as u64) << 32;
            while Instant::now() < until {
                at += 1;
                put(&gateway, &key(at), at, &counts).await;
            }
        });
    }
    while clients.join_next().await.is_some() {}
}

/// An open loop: slow answers do not lower the rate. Returns the number of offered calls.
async fn open(gateways: &[Gateway], rate: f64, hold: Duration, counts: &Arc<Counts>, seed: u64) -> u64 {
    let permits = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
    let start = Instant::now();
    let mut calls = JoinSet::new();
    let mut offered = 0_u64;
    while start.elapsed() < hold {
        while rate_of(offered, start.elapsed()) < rate {
            offered += 1;
            let Ok(permit) = permits.clone().try_acquire_owned() else {
                counts.unsent.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            let at = usize::try_from(offered).unwrap_or(0) % gateways.len();
            let (gateway, counts) = (gateways[at].clone(), counts.clone());
            calls.spawn(async move {
                put(&gateway, &format!("load-{}", (offered ^ seed) % 997), offered, &counts).await;
                drop(permit);
            });
        }
        while calls.try_join_next().is_some() {}
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    while calls.join_next().await.is_some() {}
    offered
}

async fn put(gateway: &Gateway, key: &str, at: u64, counts: &Counts) {
    let (call, once) = (Call::Put(at), format!("load-{at}"));
    let request = Request { key, call: &call, forward: None, once: &once, within: WITHIN };
    counts.count(&gateway.ask(&request).await);
}

fn rate(count: &AtomicU64, within: Duration) -> f64 {
    rate_of(count.load(Ordering::Relaxed), within)
}

#[allow(clippy::cast_precision_loss, reason = "a rate")]
fn rate_of(count: u64, within: Duration) -> f64 {
    count as f64 / within.as_secs_f64().max(1e-3)
}
