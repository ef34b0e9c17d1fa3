//! How long a shard is without an answer when its leader goes: planned, killed, frozen.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use troupe_runtime::placement::Operate as _;
use troupe_runtime::time::micros;
use troupe_runtime::{NodeId, ShardId};

use super::writers::Writers;
use super::{Inside, LOOK_EVERY};
use troupe_local_cluster::figures::{Goal, Report, percentile_ms};

/// Time that writers write before anything happens.
const CALM: Duration = Duration::from_secs(3);
/// Kills, and pauses.
const ROUNDS: usize = 3;
/// How long gaps are looked for after a kill.
const AFTER: Duration = Duration::from_secs(4);
/// How long a leader is frozen.
const FROZEN: Duration = Duration::from_secs(5);
/// Time for a planned transfer.
const MOVED_WITHIN: Duration = Duration::from_secs(15);
/// Reads of each frozen shard that wait for its old leader.
const READS: usize = 8;

/// Each shard is moved to another node while all are written to.
pub(super) async fn transfers(inside: &Inside, report: &mut Report) -> anyhow::Result<()> {
    let operator = inside.operator();
    println!("transfers: each shard is led elsewhere, a writer on each");
    let writers = Writers::start(inside);
    let calm = calm(&writers).await;
    let mut gaps = Vec::new();
    for shard in inside.shards() {
        let leader =
            *inside.leaders().await.get(&shard).with_context(|| format!("shard {shard} is not led"))?;
        let nodes: Vec<NodeId> = inside.runtime.nodes().iter().map(|node| node.id).collect();
        let at = nodes.iter().position(|node| *node == leader).unwrap_or(0);
        let to = nodes[(at + 1) % nodes.len()];
        writers.reset();
        operator.move_shard(shard, to).await?;
        let deadline = Instant::now() + MOVED_WITHIN;
        while inside.leaders().await.get(&shard) != Some(&to) {
            if Instant::now() > deadline {
                bail!("node {to} does not lead shard {shard} after {MOVED_WITHIN:?}");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        // The first new answer ends the gap.
        tokio::time::sleep(Duration::from_millis(100)).await;
        gaps.extend(writers.gaps().remove(&shard).map(micros));
    }
    writers.stop().await?;
    for shard in inside.shards() {
        operator.release(shard).await?;
    }
    report.beside("transfer.ms.p50", percentile_ms(&mut gaps, 0.5), "ms", calm, Goal::AtMost(40.0));
    report.add("transfer.ms.max", percentile_ms(&mut gaps, 1.0), "ms", Goal::AtMost(100.0));
    Ok(())
}

/// A leader is killed; gaps of the shards that it led.
pub(super) async fn kills(inside: &mut Inside, report: &mut Report) -> anyhow::Result<()> {
    println!("kills: {ROUNDS} times the leader of a third of the shards, a writer on each shard");
    let (mut gaps, mut quiet) = (Vec::new(), 0.0_f64);
    for round in 0..ROUNDS {
        inside.until_spread().await?;
        let (node, name) = inside.other(round)?;
        let writers = Writers::start(inside);
        quiet = quiet.max(calm(&writers).await);
        let led = led_by(inside, node).await;
        writers.reset();
        inside.local.kill(&name).await?;
        tokio::time::sleep(AFTER).await;
        let found = writers.gaps();
        gaps.extend(led.iter().filter_map(|shard| found.get(shard)).copied().map(micros));
        println!("  {name} killed: it led {} shards, longest gap {:?}", led.len(), found.values().max());
        writers.stop().await?;
        inside.local.spawn(&name)?;
        inside.local.until_ready().await?;
        inside.stage.until_caught_up().await?;
    }
    report.beside("kill.gap_ms.p50", percentile_ms(&mut gaps, 0.5), "ms", quiet, Goal::AtMost(800.0));
    report.beside("kill.gap_ms.max", percentile_ms(&mut gaps, 1.0), "ms", quiet, Goal::AtMost(1_500.0));
    Ok(())
}

/// A leader is frozen, and asked for what has changed meanwhile as it wakes.
#[allow(clippy::cast_precision_loss, reason = "counts")]
pub(super) async fn pauses(inside: &mut Inside, report: &mut Report) -> anyhow::Result<()> {
    println!("pauses: {ROUNDS} times a leader is frozen for {FROZEN:?}, and read from as it wakes");
    let (mut gaps, mut quiet, mut reads) = (Vec::new(), 0.0_f64, Reads::default());
    for round in 0..ROUNDS {
        inside.until_spread().await?;
        let (node, name) = inside.other(round)?;
        let gateway =
            inside.stage.config.nodes.iter().find(|table| table.name == name).context("the node")?.gateway;
        let pid =
            i32::try_from(inside.local.pid(&name)?).ok().and_then(Pid::from_raw).context("a process")?;
        let writers = Writers::start(inside);
        quiet = quiet.max(calm(&writers).await);
        let led = led_by(inside, node).await;
        writers.reset();
        kill_process(pid, Signal::STOP)?;
        tokio::time::sleep(FROZEN).await;
        let found = writers.gaps();
        gaps.extend(led.iter().filter_map(|shard| found.get(shard)).copied().map(micros));
        println!("  {name} frozen: it led {} shards, longest gap {:?}", led.len(), found.values().max());
        // They wait in its socket: it finds them the moment it wakes, before it has heard that it leads no more.
        let waiting = read_from(&writers, &led, &format!("http://{gateway}"));
        tokio::time::sleep(Duration::from_millis(200)).await;
        kill_process(pid, Signal::CONT)?;
        for read in waiting {
            reads.count(read.await?);
        }
        writers.stop().await?;
        inside.local.until_ready().await?;
        inside.stage.until_caught_up().await?;
    }
    println!(
        "  {} reads waited for a frozen leader: {} answered, {} refused",
        reads.all, reads.answered, reads.refused
    );
    report.beside("pause.gap_ms.max", percentile_ms(&mut gaps, 1.0), "ms", quiet, Goal::AtMost(3_000.0));
    report.add("pause.stale", reads.stale as f64, "answers", Goal::AtMost(0.0));
    Ok(())
}

/// The outcomes of the reads of a frozen leader.
#[derive(Default)]
struct Reads {
    all: usize,
    answered: usize,
    refused: usize,
    stale: usize,
}

impl Reads {
    fn count(&mut self, (least, value): (u64, Option<u64>)) {
        self.all += 1;
        match value {
            Some(value) => {
                self.answered += 1;
                self.stale += usize::from(value < least);
            }
            None => self.refused += 1,
        }
    }
}

/// Reads of each shard through one gateway: what was acknowledged before each was sent, and what it answered.
fn read_from(
    writers: &Writers,
    shards: &[ShardId],
    gateway: &str,
) -> Vec<tokio::task::JoinHandle<(u64, Option<u64>)>> {
    let mut reads = Vec::new();
    for shard in shards {
        for _ in 0..READS {
            let Some((address, least)) = writers.written(*shard) else { continue };
            let url = format!("{gateway}/v1/actors/{}/{}/get", address.kind, address.key);
            reads.push(tokio::spawn(async move { (least, read(&url).await.ok()) }));
        }
    }
    reads
}

async fn read(url: &str) -> anyhow::Result<u64> {
    // Each over a connection of its own, so that none waits for another.
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;
    let answer = client.post(url).json(&serde_json::json!({})).send().await?.error_for_status()?;
    answer.json::<Value>().await?["value"].as_u64().context("a value")
}

async fn led_by(inside: &Inside, node: NodeId) -> Vec<ShardId> {
    let leaders: BTreeMap<ShardId, NodeId> = inside.leaders().await;
    leaders.into_iter().filter(|(_, leader)| *leader == node).map(|(shard, _)| shard).collect()
}

/// The longest gap of any writer while nothing happens, in milliseconds.
async fn calm(writers: &Writers) -> f64 {
    tokio::time::sleep(CALM / 3).await;
    writers.reset();
    tokio::time::sleep(CALM).await;
    writers.gaps().values().max().map_or(0.0, |gap| gap.as_secs_f64() * 1_000.0)
}
