//! A node joins a cluster that holds gigabytes and takes its share, and what other traffic notices of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use troupe_actors::coordination::probes::{Get, Keep, Probe, Put};
use troupe_runtime::observe::Role;
use troupe_runtime::time::micros;
use troupe_runtime::transport::AskOne;
use troupe_runtime::{Address, AskOptions, Command as _, Entity as _, NodeId, Router, wire};

use super::Inside;
use troupe_local_cluster::figures::{Goal, Report, percentile_ms};
use troupe_node::config::{Config, NodeTable};

/// What the cluster holds is held in entities of this size.
const ENTITY: u64 = 16 << 10;
/// Entities in one call, and calls in flight, while it is filled.
const BATCH: u64 = 64;
const CALLS: u64 = 8;
/// For the checkpoints that follow, before anything is measured.
const REST: Duration = Duration::from_secs(15);
/// How long is measured before the node joins.
const CALM: Duration = Duration::from_secs(15);
/// Callers, and the pause between two of a caller's calls.
const CALLERS: usize = 16;
const PAUSE: Duration = Duration::from_millis(10);
/// For the new node to take its share.
const SHARE_WITHIN: Duration = Duration::from_secs(300);
/// Lines of a log that are shown when it does not.
const LOG_SHOWN: usize = 20;
const LOOK_EVERY: Duration = Duration::from_millis(100);
const WITHIN: Duration = Duration::from_secs(20);

#[allow(clippy::cast_precision_loss, reason = "rates")]
pub(super) async fn measure(inside: &mut Inside, fill: u64, report: &mut Report) -> anyhow::Result<()> {
    println!("move: {fill} MiB are written");
    let start = Instant::now();
    self::fill(inside, (fill << 20) / ENTITY).await?;
    println!("move: written in {:.0} s; {} callers in calm", start.elapsed().as_secs_f64(), CALLERS);
    tokio::time::sleep(REST).await;
    let callers = Callers::start(inside);
    tokio::time::sleep(CALM).await;
    let mut calm = callers.stop().await?;
    let callers = Callers::start(inside);
    let start = Instant::now();
    let took = join(inside).await;
    let took = took.map(|()| start.elapsed());
    let mut moving = callers.stop().await?;
    let took = took?;
    let (before, while_moving) = (percentile_ms(&mut calm, 0.99), percentile_ms(&mut moving, 0.99));
    report.beside("move.p99_ms", while_moving, "ms", before, Goal::None);
    report.add("move.p99_ratio", while_moving / before.max(1e-3), "x", Goal::AtMost(2.0));
    report.add("move.seconds", took.as_secs_f64(), "s", Goal::None);
    let share = fill as f64 * 3.0 / 4.0;
    report.add("move.mib_per_s", share / took.as_secs_f64(), "MiB/s", Goal::None);
    Ok(())
}

/// Entities that fill the cluster to its goal.
async fn fill(inside: &Inside, count: u64) -> anyhow::Result<()> {
    let next = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::new();
    for _ in 0..CALLS {
        let (router, next) = (inside.router(), next.clone());
        tasks.push(tokio::spawn(async move {
            loop {
                let first = next.fetch_add(BATCH, Ordering::Relaxed);
                if first >= count {
                    return anyhow::Ok(());
                }
                write(&router, first..(first + BATCH).min(count)).await?;
            }
        }));
    }
    for task in tasks {
        task.await??;
    }
    Ok(())
}

/// Busy shards are asked again, as a client does.
async fn write(router: &Router, keys: std::ops::Range<u64>) -> anyhow::Result<()> {
    let ask = |key: u64| {
        // What compresses to nothing would not be moved.
        let mut state = key;
        let mut bytes = Vec::with_capacity(usize::try_from(ENTITY).unwrap_or(0));
        while (bytes.len() as u64) < ENTITY {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            bytes.extend_from_slice(&state.to_le_bytes());
        }
        let to = Address { kind: Probe::KIND.to_owned(), key: format!("fill-{key}") };
        AskOne { to, verb: Keep::VERB.to_owned(), body: wire::encode(&Keep { bytes }), key: None }
    };
    let mut left: Vec<AskOne> = keys.map(ask).collect();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !left.is_empty() {
        let outcomes = router.ask_many(left.clone(), WITHIN).await;
        let mut again = Vec::new();
        for (ask, outcome) in left.into_iter().zip(outcomes) {
            match outcome {
                Ok(_) => {}
                Err(error) if error.retryable() && Instant::now() < deadline => again.push(ask),
                Err(error) => return Err(error).with_context(|| ask.to.to_string()),
            }
        }
        left = again;
        if !left.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}

/// Clients that write and read small entities all over the cluster.
struct Callers {
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<anyhow::Result<Vec<u64>>>>,
}

impl Callers {
    fn start(inside: &Inside) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let tasks =
            (0..CALLERS).map(|caller| tokio::spawn(call(inside.router(), caller, stop.clone()))).collect();
        Self { stop, tasks }
    }

    /// Microseconds of each call; none may fail.
    async fn stop(self) -> anyhow::Result<Vec<u64>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut samples = Vec::new();
        for task in self.tasks {
            samples.extend(task.await??);
        }
        Ok(samples)
    }
}

async fn call(router: Router, caller: usize, stop: Arc<AtomicBool>) -> anyhow::Result<Vec<u64>> {
    let (mut samples, mut value) = (Vec::new(), 0_u64);
    while !stop.load(Ordering::Relaxed) {
        value += 1;
        let to = Address { kind: Probe::KIND.to_owned(), key: format!("small-{caller}-{}", value % 997) };
        let start = Instant::now();
        if value.is_multiple_of(2) {
            let options = AskOptions { within: WITHIN, key: Some(rand::random()) };
            router.ask(&to, &Put { value }, options).await?;
        } else {
            router.query(&to, &Get {}, WITHIN).await?;
        }
        samples.push(micros(start.elapsed()));
        tokio::time::sleep(PAUSE).await;
    }
    Ok(samples)
}

/// Lets a fourth node in and waits until it holds a fourth of all replicas.
async fn join(inside: &mut Inside) -> anyhow::Result<()> {
    let known = inside.stage.config.nodes.iter().map(|node| node.id).max().unwrap_or(0);
    let table = NodeTable::local(known + 1);
    let here = inside.stage.config.nodes.first().context("a node")?.admin.to_string();
    let replicas = inside.stage.config.placement.replicas;
    let config = Config { nodes: vec![table.clone()], ..inside.stage.config.clone() };
    let file = inside.stage.file.with_file_name(format!("{}.toml", table.name));
    std::fs::write(&file, toml::to_string(&config)?)?;
    inside.local.join(&table.name, &file, &here)?;
    let share = inside.shards().count() * usize::from(replicas) / (inside.stage.config.nodes.len() + 1);
    let deadline = Instant::now() + SHARE_WITHIN;
    let mut shown = 0;
    loop {
        let held = match inside.runtime.inspect().node(NodeId(table.id)).await {
            Ok(view) => {
                view.shards.iter().filter(|shard| matches!(shard.role, Role::Leader | Role::Follower)).count()
            }
            Err(_) => 0,
        };
        if held > shown {
            println!("move: {} holds {held} of {share} replicas", table.name);
            shown = held;
        }
        if held >= share {
            return Ok(());
        }
        if Instant::now() > deadline {
            let log = std::fs::read_to_string(inside.local.log_of(&table.name)).unwrap_or_default();
            let last: Vec<&str> = log.lines().rev().take(LOG_SHOWN).collect();
            bail!(
                "{} holds {held} of {share} replicas after {SHARE_WITHIN:?}; the end of its log, newest first:\n{}",
                table.name,
                last.join("\n")
            );
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
