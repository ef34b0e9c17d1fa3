//! Durable commands with many in flight, and what they cost on the wire.

use std::fs::File;
use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::bail;
use troupe_actors::coordination::probes::{Keep, Probe};
use troupe_runtime::time::micros;
use troupe_runtime::transport::AskOne;
use troupe_runtime::{Address, Command as _, Entity as _, ShardId, wire};

use super::Inside;
use troupe_local_cluster::figures::{Goal, Report, percentile_ms};

const WITHIN: Duration = Duration::from_secs(10);
/// Payload of one command.
const PAYLOAD: usize = 200;
/// Commands in one call, and calls in flight.
const BATCH: usize = 512;
const CALLS: usize = 48;
/// How long is measured, and before that: every shard has checkpointed twice, and the log writes into files that it has
/// written before.
const LASTS: Duration = Duration::from_secs(8);
const WARM: Duration = Duration::from_secs(12);
/// Probes in each shard.
const PROBES: usize = 200;

#[allow(clippy::cast_precision_loss, reason = "rates")]
pub(super) async fn measure(inside: &Inside, report: &mut Report) -> anyhow::Result<()> {
    println!("durable: commands of {PAYLOAD} bytes, three replicas, {} in flight", BATCH * CALLS);
    let all = probes(inside, &inside.shards().collect::<Vec<_>>());
    let mut load = load(inside, &all).await?;
    let rate = load.commands as f64 / load.took.as_secs_f64();
    let appended = tokio::task::spawn_blocking(append).await??;
    report.beside("durable.per_s", rate, "commands/s", appended, Goal::AtLeast(300_000.0));
    for (share, name) in [(0.5, "p50"), (0.99, "p99")] {
        report.add(&format!("durable.ms.{name}"), percentile_ms(&mut load.samples, share), "ms", Goal::None);
    }
    // What a leader sends: its own shards alone, so that no command is forwarded.
    let here = inside.runtime.spec().here;
    let led: Vec<ShardId> =
        inside.leaders().await.into_iter().filter(|one| one.1 == here).map(|one| one.0).collect();
    let own = probes(inside, &led);
    let before = inside.runtime.sent_bytes();
    let load = self::load(inside, &own).await?;
    let sent = (inside.runtime.sent_bytes() - before) as f64;
    let payload = (load.all * PAYLOAD as u64) as f64;
    report.add("wire.ratio", sent / payload, "x", Goal::AtMost(2.1));
    Ok(())
}

/// Probes by shard.
fn probes(inside: &Inside, shards: &[ShardId]) -> Vec<Address> {
    let count = inside.runtime.spec().config.shards;
    let mut left = vec![0; count as usize + 1];
    for shard in shards {
        left[shard.0 as usize] = PROBES;
    }
    let wanted = shards.len() * PROBES;
    let keys = (0_u64..).map(|key| Address { kind: Probe::KIND.to_owned(), key: key.to_string() });
    let wants = |address: &Address| {
        let left = &mut left[address.shard(count).0 as usize];
        let take = *left > 0;
        *left -= usize::from(take);
        take
    };
    keys.filter({
        let mut wants = wants;
        move |address| wants(address)
    })
    .take(wanted)
    .collect()
}

struct Load {
    /// Acknowledged in the time that is measured, and at all.
    commands: u64,
    all: u64,
    took: Duration,
    /// Microseconds of each call.
    samples: Vec<u64>,
}

/// Calls one after another, each to probes of all shards, from so many tasks.
async fn load(inside: &Inside, probes: &[Address]) -> anyhow::Result<Load> {
    let start = Instant::now();
    let (from, until) = (start + WARM, start + WARM + LASTS);
    let mut tasks = Vec::new();
    for task in 0..CALLS {
        let router = inside.router();
        let body = wire::encode(&Keep { bytes: vec![7; PAYLOAD] });
        let probes: Vec<Address> = probes.to_vec();
        tasks.push(tokio::spawn(async move {
            let (mut commands, mut all, mut samples) = (0_u64, 0_u64, Vec::new());
            let mut at = task * probes.len() / CALLS;
            while Instant::now() < until {
                let asks: Vec<AskOne> = (0..BATCH)
                    .map(|ask| AskOne {
                        to: probes[(at + ask * 7) % probes.len()].clone(),
                        verb: Keep::VERB.to_owned(),
                        body: body.clone(),
                        key: None,
                    })
                    .collect();
                at += 1;
                let call = Instant::now();
                for outcome in router.ask_many(asks, WITHIN).await {
                    outcome?;
                }
                all += BATCH as u64;
                if call >= from {
                    commands += BATCH as u64;
                    samples.push(micros(call.elapsed()));
                }
            }
            anyhow::Ok((commands, all, samples))
        }));
    }
    let (mut commands, mut all, mut samples) = (0, 0, Vec::new());
    for task in tasks {
        let (one, every, of) = task.await??;
        commands += one;
        all += every;
        samples.extend(of);
    }
    if commands == 0 {
        bail!("nothing was acknowledged");
    }
    Ok(Load { commands, all, took: from.elapsed(), samples })
}

/// Records a second that one thread appends to one file, as many to an `fdatasync` as a call has commands.
#[allow(clippy::cast_precision_loss, reason = "a rate")]
fn append() -> anyhow::Result<f64> {
    let dir = tempfile::Builder::new().prefix("troupe-bench-").tempdir()?;
    let mut file = File::create(dir.path().join("log"))?;
    let record = [7; PAYLOAD];
    let (start, mut count) = (Instant::now(), 0_u64);
    while start.elapsed() < Duration::from_secs(2) {
        let batch: Vec<u8> = record.iter().copied().cycle().take(PAYLOAD * BATCH).collect();
        file.write_all(&batch)?;
        file.sync_data()?;
        count += BATCH as u64;
    }
    Ok(count as f64 / start.elapsed().as_secs_f64())
}
