//! The acts, in order.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures::StreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use troupe_runtime::locks::lock;
use troupe_runtime::time::micros;
use troupe_sdk::Client;
use troupe_training::data::Interaction;

use super::closing::Closing;
use super::live::Live;
use troupe_learning::train as learning;
use troupe_learning::train::event_of;
use troupe_local_cluster::audit::{Audit, Ledger};
use troupe_local_cluster::dataset;
use troupe_local_cluster::dataset::Dataset;
use troupe_local_cluster::figures::{Goal, Report, percentile_ms, writable};
use troupe_local_cluster::probe::Probe;
use troupe_local_cluster::processes::{Local, stop_signal};
use troupe_local_cluster::throwaway_cluster::ThrowawayCluster;
use troupe_node::config::Config;

/// Share of the events that are the past.
const PAST: (usize, usize) = (8, 10);
/// Events in one call.
const BATCH: usize = 1_000;
/// Calls in flight while the past is played.
const BATCHES_IN_FLIGHT: usize = 3;
/// Workers of the live traffic.
const WORKERS: usize = 8;
/// Writers whose longest gap is measured.
const PROBES: usize = 8;

/// `troupe demo`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The cluster's configuration.
    #[arg(long, default_value = "cluster.toml")]
    pub config: PathBuf,
    /// Where set-up has put the data set.
    #[arg(long, default_value = ".deps/ml-100k")]
    data: PathBuf,
    /// Plays so many events made up by the seed, also where the data set is there.
    #[arg(long, value_name = "EVENTS")]
    synthetic: Option<u32>,
    /// Seed of everything that is drawn.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Writes every figure to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Leaves the cluster running until Ctrl-C.
    #[arg(long)]
    keep: bool,
}

/// Plays all acts, and stops every child however that ends.
pub async fn run(arguments: Arguments, config: Config) -> anyhow::Result<()> {
    writable(&arguments.json)?;
    let play = dataset::load(&arguments.data, arguments.synthetic, arguments.seed)?;
    let stage = ThrowawayCluster::prepare(config)?;
    let mut stop = stop_signal(false);
    let mut local = Local::start(&stage.config, &stage.file)?;
    let outcome = tokio::select! {
        outcome = Box::pin(acts(&arguments, &stage, &play, &mut local)) => outcome,
        _ = stop.wait_for(|stop| *stop) => {
            println!("\ninterrupted, stopping every node");
            Ok(())
        }
    };
    let interrupted = *stop.borrow();
    if outcome.is_ok() && arguments.keep && !interrupted {
        println!("The cluster stays up: Ctrl-C stops it. Console http://{}", stage.config.nodes[0].admin);
        let _ = stop.wait_for(|stop| *stop).await;
    }
    local.stop().await;
    outcome
}

async fn acts(
    arguments: &Arguments,
    stage: &ThrowawayCluster,
    play: &Dataset,
    local: &mut Local,
) -> anyhow::Result<()> {
    let start = Instant::now();
    let mut report = Report::new("demo", arguments.seed, play.name);
    println!("Act 1. Three nodes start, found a cluster and elect leaders.");
    local.until_ready().await?;
    println!("       Console: http://{}", stage.config.nodes[0].admin);
    let client = stage.client()?;
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let (past, future) = play.interactions.split_at(play.interactions.len() * PAST.0 / PAST.1);
    println!(
        "Act 2. The past: {} events of {}, in order of time, through the HTTP API.",
        past.len(),
        play.name
    );
    describe(&client, play).await?;
    ingest(&client, past, &ledger, &mut report).await?;
    println!("Act 3. Two models are trained from the events that the cluster holds, and published.");
    learn_from_the_cluster(arguments, stage, &client, &mut report).await?;
    println!("Act 4. The future, live: {} times a recommendation, then the event.", future.len());
    let live = Live::new(client.clone(), ledger.clone(), past, arguments.seed);
    let probe = Probe::start(&client, &ledger, PROBES);
    let workers = live.play(future, WORKERS);
    let killed = act_five(stage, local, &live, future.len()).await?;
    for worker in workers {
        worker.await?;
    }
    let gap = probe.stop().await?;
    local.until_ready().await?;
    stage.until_caught_up().await?;
    println!("       Node {killed} is back and has caught up.");
    println!("Act 6. The audit: every acknowledged event is looked for.");
    let ledger = std::mem::take(&mut *lock(&ledger));
    let audit = ledger.audit(&client).await?;
    audited(&mut report, audit);
    memory(&mut report).await?;
    report.add("failover.gap_ms.max", gap.as_secs_f64() * 1_000.0, "ms", Goal::AtMost(2_000.0));
    close(&mut report, &live);
    let closing = Closing { client: &client, stage, past, seed: arguments.seed };
    let looped = Box::pin(closing.play(local, &mut report)).await;
    report.add("demo.seconds", start.elapsed().as_secs_f64(), "s", Goal::AtMost(240.0));
    report.print();
    if let Some(path) = &arguments.json {
        report.write(path)?;
    }
    if audit.lost + audit.duplicated + audit.invented > 0 {
        bail!("the audit failed: {audit:?}");
    }
    looped
}

/// Tells the cluster what the contents are.
async fn describe(client: &Client, play: &Dataset) -> anyhow::Result<()> {
    let titles = futures::stream::iter(&play.items)
        .map(|item| async move {
            let body = json!({ "title": item.title, "year": item.year, "genres": item.genres });
            client.ask("content", &format!("{{c:{}}}", item.id), "describe", &body).await
        })
        .buffer_unordered(16);
    futures::pin_mut!(titles);
    while let Some(told) = titles.next().await {
        told.context("a title")?;
    }
    Ok(())
}

/// Plays the past in large batches.
async fn ingest(
    client: &Client,
    past: &[Interaction],
    ledger: &Mutex<Ledger>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let bar = bar(past.len() as u64);
    let start = Instant::now();
    let batches = futures::stream::iter(past.chunks(BATCH))
        .map(|batch| async move {
            let events: Vec<_> = batch.iter().map(event_of).collect();
            let start = Instant::now();
            let receipt = client.record_events(&events).await;
            (events, receipt, micros(start.elapsed()))
        })
        .buffer_unordered(BATCHES_IN_FLIGHT);
    futures::pin_mut!(batches);
    let mut batch_us = Vec::new();
    while let Some((events, receipt, took)) = batches.next().await {
        let receipt = receipt?;
        if receipt.acknowledged() != events.len() {
            bail!("a batch of {} was acknowledged only in part: {receipt:?}", events.len());
        }
        let mut ledger = lock(ledger);
        events.iter().for_each(|event| ledger.sent(event, true));
        batch_us.push(took);
        bar.inc(events.len() as u64);
    }
    bar.finish_and_clear();
    #[allow(clippy::cast_precision_loss, reason = "a count of events")]
    let rate = past.len() as f64 / start.elapsed().as_secs_f64();
    println!("       {rate:.0} acknowledged events a second");
    report.add("events.acked_per_s", rate, "events/s", Goal::AtLeast(30_000.0));
    report.add("events.batch_ms.p50", percentile_ms(&mut batch_us, 0.5), "ms", Goal::None);
    report.add("events.batch_ms.p99", percentile_ms(&mut batch_us, 0.99), "ms", Goal::None);
    Ok(())
}

async fn learn_from_the_cluster(
    arguments: &Arguments,
    stage: &ThrowawayCluster,
    client: &Client,
    report: &mut Report,
) -> anyhow::Result<()> {
    let members = stage.members().await?;
    let interactions = learning::read(client, &members).await?;
    let published = learning::publish(client, &stage.lake, interactions, arguments.seed).await?;
    for (role, (version, trained)) in
        [("champion", &published.champion), ("challenger", &published.challenger)]
    {
        println!(
            "       {role}: {} version {version}, ndcg@10 {:.3} on the last tenth, {:.1} s",
            trained.algorithm, trained.metrics["ndcg@10"], trained.seconds
        );
        report.add(&format!("train.{}.seconds", trained.algorithm), trained.seconds, "s", Goal::None);
    }
    learning::until_served(&stage.gateways(), [published.champion.0, published.challenger.0]).await
}

/// Kills the busiest node halfway, and starts it again later.
async fn act_five(
    stage: &ThrowawayCluster,
    local: &mut Local,
    live: &Live,
    total: usize,
) -> anyhow::Result<String> {
    let bar = bar(total as u64);
    let mut killed: Option<String> = None;
    let mut back = false;
    loop {
        let done = live.done.load(Ordering::Relaxed);
        bar.set_position(done as u64);
        if killed.is_none() && done * 2 >= total {
            let name = stage.busiest().await?;
            local.kill(&name).await?;
            bar.suspend(|| {
                println!("Act 5. SIGKILL for node {name}, which leads most shards. Traffic goes on.")
            });
            killed = Some(name);
        }
        if let Some(name) = killed.as_ref().filter(|_| !back && done * 4 >= total * 3) {
            local.spawn(name)?;
            bar.suspend(|| println!("       Node {name} is started again."));
            back = true;
        }
        if done >= total && back {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bar.finish_and_clear();
    killed.context("no node was killed")
}

#[allow(clippy::cast_precision_loss, reason = "counts of events")]
fn audited(report: &mut Report, audit: Audit) {
    report.add("events.acknowledged", audit.acknowledged as f64, "events", Goal::None);
    report.add("events.found", audit.found as f64, "events", Goal::AtLeast(audit.acknowledged as f64));
    report.add("events.lost", audit.lost as f64, "events", Goal::AtMost(0.0));
    report.add("events.duplicated", audit.duplicated as f64, "events", Goal::AtMost(0.0));
    report.add("events.invented", audit.invented as f64, "events", Goal::AtMost(0.0));
}

/// What a member costs in memory, measured in a process that does nothing else.
async fn memory(report: &mut Report) -> anyhow::Result<()> {
    let figures = tempfile::NamedTempFile::new()?;
    let mut bench = tokio::process::Command::new(std::env::current_exe()?);
    let bench = bench.args(["bench", "members", "--synthetic", "1", "--json"]).arg(figures.path());
    let measured = bench.kill_on_drop(true).output().await?;
    let read: serde_json::Value = serde_json::from_slice(&std::fs::read(figures.path())?).unwrap_or_default();
    let figure = |id: &str| {
        let all = read["figures"].as_array()?;
        all.iter().find(|figure| figure["id"] == id)?["value"].as_f64()
    };
    match figure("member.bytes").zip(figure("member.resident_bytes")) {
        Some((bytes, resident)) => {
            report.beside("member.bytes", bytes, "bytes", resident - bytes, Goal::AtMost(500.0));
        }
        None => report.missing("member.bytes", "bytes", &String::from_utf8_lossy(&measured.stderr)),
    }
    Ok(())
}

fn close(report: &mut Report, live: &Live) {
    let mut measured = live.measured();
    let mut percentiles = |id: &str, samples: &mut Vec<u64>, p99: Goal| {
        report.add(&format!("{id}.p50"), percentile_ms(samples, 0.5), "ms", Goal::None);
        report.add(&format!("{id}.p99"), percentile_ms(samples, 0.99), "ms", p99);
    };
    percentiles("event.http_ms", &mut measured.event_us, Goal::None);
    percentiles("features.http_ms", &mut measured.feature_us, Goal::None);
    percentiles("recommend.http_ms", &mut measured.recommend_us, Goal::None);
    percentiles("freshness_ms", &mut measured.freshness_us, Goal::AtMost(100.0));
    let baseline = measured.scores.get("popularity").copied().unwrap_or_default();
    for (name, score) in &measured.scores {
        let served = matches!(name.as_str(), "champion" | "challenger");
        let goal = if served { Goal::AtLeast(baseline.hit_rate()) } else { Goal::None };
        report.beside(
            &format!("quality.live.{name}.hr10"),
            score.hit_rate(),
            "share",
            baseline.hit_rate(),
            goal,
        );
        report.beside(
            &format!("quality.live.{name}.ndcg10"),
            score.ndcg(),
            "share",
            baseline.ndcg(),
            Goal::None,
        );
    }
    #[allow(clippy::cast_precision_loss, reason = "a count of calls")]
    report.add("calls.failed", measured.failed as f64, "calls", Goal::AtMost(0.0));
}

fn bar(total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("       {bar:40} {pos}/{len}  {per_sec}");
    ProgressBar::new(total).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
