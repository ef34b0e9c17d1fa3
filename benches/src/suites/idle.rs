//! What a cluster costs that has nothing to do.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use troupe_local_cluster::figures::{Goal, Report};
use troupe_local_cluster::processes::Local;
use troupe_local_cluster::throwaway_cluster::ThrowawayCluster;
use troupe_node::config::Config;

/// Data shards: with the control group 64 groups on every node.
const SHARDS: u32 = 63;
/// Time to come to rest, and time that is measured.
const REST: Duration = Duration::from_secs(10);
const LASTS: Duration = Duration::from_secs(20);
/// The kernel counts processor time in hundredths of a second.
const TICKS_A_SECOND: f64 = 100.0;

/// Share of a core that the busiest of three idle nodes takes.
pub(super) async fn measure(mut config: Config, report: &mut Report) -> anyhow::Result<()> {
    println!("idle: three nodes with {} groups each", SHARDS + 1);
    config.cluster.shards = SHARDS;
    let stage = ThrowawayCluster::prepare(config)?;
    let mut local = Local::start(&stage.config, &stage.file)?;
    let measured = shares(&stage, &mut local).await;
    local.stop().await;
    let most = measured?.into_iter().fold(0.0, f64::max);
    report.add("idle.cpu_share", most * 100.0, "% of a core", Goal::AtMost(2.0));
    Ok(())
}

async fn shares(stage: &ThrowawayCluster, local: &mut Local) -> anyhow::Result<Vec<f64>> {
    local.until_ready().await?;
    tokio::time::sleep(REST).await;
    let names: Vec<String> = stage.config.nodes.iter().map(|node| node.name.clone()).collect();
    let pids = names.iter().map(|name| local.pid(name)).collect::<anyhow::Result<Vec<u32>>>()?;
    let used = || pids.iter().map(|pid| ticks(*pid)).collect::<anyhow::Result<Vec<f64>>>();
    let (before, start) = (used()?, Instant::now());
    tokio::time::sleep(LASTS).await;
    let (after, took) = (used()?, start.elapsed().as_secs_f64());
    Ok(after.iter().zip(before).map(|(after, before)| (after - before) / TICKS_A_SECOND / took).collect())
}

/// Processor time of a process, in ticks: user and system, the 14th and 15th field.
fn ticks(pid: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, which may hold anything, ends with the last parenthesis.
    let (_, rest) = stat.rsplit_once(')').context("stat")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let field =
        |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).context("a field of stat");
    Ok(field(11)? + field(12)?)
}
