//! Runs one scenario: starts the cluster and the clients, injects each round, and judges the result.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::future::join_all;
use serde_json::json;

use super::deciders;
use super::measure;
use super::memory::Memory;
use super::summary::{RoundView, Spread, Summary};
use crate::checker::examine;
use crate::cluster::{AdminClient, LocalCluster, Plan};
use crate::nemesis::{Injector, Round, Rounds, Scenario};
use crate::workload::{Clients, Collected, TallyView};

/// Time limit for the cluster to become ready.
const READY_WITHIN: Duration = Duration::from_secs(90);
/// Time before the first fault, for the rate without faults.
const CALM: Duration = Duration::from_secs(3);
/// Time limit after a heal, for every node to answer and for the rate to come back. The goals are 10 s and 30 s.
const RECOVERY_MAX: Duration = Duration::from_secs(60);
/// Size of each node's own disk in the disk scenario.
const DISK_BYTES: u64 = 192 << 20;

/// The parameters of a run.
#[derive(Debug, Clone)]
pub struct Job {
    /// The binary with the `node` command.
    pub binary: PathBuf,
    /// The build before it: the rolling restart becomes an upgrade and a downgrade.
    pub previous: Option<PathBuf>,
    /// The cluster's configuration, without nodes and paths.
    pub template: toml::Table,
    /// Number of nodes.
    pub nodes: usize,
    /// The scenario.
    pub scenario: Scenario,
    /// Seed of all random draws.
    pub seed: u64,
    /// New rounds begin within this time.
    pub length: Duration,
    /// Directory of data and logs.
    pub dir: PathBuf,
}

/// Runs the scenario; `say` prints its progress.
///
/// # Errors
/// The cluster did not start, or the system refused an operation that every system grants. Violations by the cluster are
/// not errors; the summary counts them.
pub async fn play(job: &Job, say: &(dyn Fn(&str) + Sync)) -> anyhow::Result<Summary> {
    let start = Instant::now();
    let mut summary = Summary {
        scenario: job.scenario.to_string(),
        story: job.scenario.story().to_owned(),
        seed: job.seed,
        nodes: job.nodes,
        ..Summary::default()
    };
    let mut cluster = start_cluster(job, say).await?;
    let admin = AdminClient::new(&cluster.endpoints)?;
    admin
        .until_ready(READY_WITHIN)
        .await
        .with_context(|| format!("see the logs in {}", job.dir.display()))?;
    let memory = Memory::watch(cluster.pids());
    let mut clients = Clients::start(&cluster.endpoints, job.seed)?;
    tokio::time::sleep(CALM).await;
    let calm = measure::rate(&clients.tally().view().successes, 500_000, clients.now());
    say(&format!("{} nodes, {calm:.0} answers/s in calm", job.nodes));
    let rounds = Instant::now();
    let drawn = Rounds::new(job.scenario, job.seed, job.nodes).with_previous(job.previous.is_some());
    for (at, round) in (0_u64..).zip(drawn) {
        if rounds.elapsed() >= job.length {
            break;
        }
        let seed = job.seed.wrapping_mul(1_009) + at;
        let mut injector = Injector { cluster: &mut cluster, admin: &admin, clients: &clients, seed };
        let view = one(&mut injector, &round, calm).await?;
        say(&line(&view));
        summary.rounds.push(view);
    }
    let collected = clients.finish().await;
    let logs: Vec<String> = (0..job.nodes).map(|node| log(&cluster, node)).collect();
    cluster.end().await;
    judge(&mut summary, &collected, &clients.tally().view(), &logs);
    summary.gap_ms = spread(&summary, true);
    summary.gap_down_ms = spread(&summary, false);
    summary.memory_bytes = memory.largest();
    summary.seconds = start.elapsed().as_secs();
    Ok(summary)
}

/// Turns the clients' histories and the nodes' logs into figures and evidence.
fn judge(summary: &mut Summary, collected: &Collected, tally: &TallyView, logs: &[String]) {
    let findings = examine(&collected.history);
    let deciders = deciders::read(logs.iter().map(String::as_str));
    summary.evidence = findings.violations.iter().map(|violation| json!(violation)).collect();
    summary.evidence.extend(tally.untyped_shown.iter().map(|text| json!({ "untyped": text })));
    summary.evidence.extend(
        collected.effects.lost_from.iter().map(|(key, lost)| json!({ "effects_lost": { key: lost } })),
    );
    summary.evidence.extend(collected.unanswered.iter().map(|key| json!({ "unanswered": key })));
    summary.keys = findings.keys;
    summary.calls = findings.calls;
    summary.answered = findings.answered;
    summary.failed = findings.failed;
    summary.unknown = findings.unknown;
    summary.effects = collected.effects.acknowledged;
    summary.lost = findings.lost + collected.effects.lost;
    summary.duplicates = findings.duplicates + collected.effects.duplicates;
    summary.disordered = collected.effects.disordered;
    summary.stale = findings.stale;
    summary.denied = findings.denied + collected.effects.denied;
    summary.double_deciders = deciders.doubled + findings.forked;
    summary.leaderships = deciders.leaderships;
    summary.not_linearizable = findings.not_linearizable;
    summary.undecided = findings.undecided;
    summary.unanswered = collected.unanswered.len() as u64;
    summary.untyped = tally.untyped;
    summary.silent = tally.silent;
    summary.given_up = tally.given_up;
    summary.attempts = tally.attempts.clone();
}

async fn start_cluster(job: &Job, say: &(dyn Fn(&str) + Sync)) -> anyhow::Result<LocalCluster> {
    let mut plan = Plan {
        binary: job.binary.clone(),
        previous: job.previous.clone(),
        template: job.template.clone(),
        nodes: job.nodes,
        dir: job.dir.clone(),
        disk_bytes: (job.scenario == Scenario::DISK).then_some(DISK_BYTES),
        seed: job.seed,
    };
    if plan.disk_bytes.is_some() {
        match LocalCluster::start(plan.clone()).await {
            Ok(cluster) => return Ok(cluster),
            Err(why) => say(&format!("without disks of their own: {why:#}")),
        }
        plan.disk_bytes = None;
    }
    LocalCluster::start(plan).await
}

/// Runs one round, from the fault to the recovery.
async fn one(injector: &mut Injector<'_>, round: &Round, calm: f64) -> anyhow::Result<RoundView> {
    let nodes = injector.cluster.endpoints.len();
    let began = injector.clients.now();
    let mut done = injector.play(round).await?;
    let healed = injector.clients.now();
    let name = |node: &usize| injector.cluster.endpoints[*node].name.clone();
    let mut view = RoundView {
        fault: serde_json::to_value(round.fault)?,
        nodes: done.nodes.iter().map(name).collect(),
        held_ms: (healed - began) / 1_000,
        skipped: done.skipped.take(),
        notes: std::mem::take(&mut done.notes),
        quorum: round.fault.quorum(),
        ..RoundView::default()
    };
    for node in injector.mend()? {
        view.notes.push(format!("{} had ended and was started again", injector.cluster.endpoints[node].name));
    }
    let answered = join_all((0..nodes).map(|node| injector.clients.until_answers(node, RECOVERY_MAX))).await;
    let slowest = answered.into_iter().collect::<Option<Vec<Duration>>>();
    view.answers_ms = slowest.and_then(|times| times.into_iter().max()).map(millis);
    (0..nodes).for_each(|node| injector.clients.excuses().end(node));
    let deadline = Instant::now() + RECOVERY_MAX;
    loop {
        let successes = injector.clients.tally().view().successes;
        let now = injector.clients.now();
        view.back_ms = measure::back(&successes, calm, healed, now).map(|us| us / 1_000);
        if view.back_ms.is_some() || Instant::now() > deadline {
            view.gaps_ms = measure::gaps(&successes, began, now).into_iter().map(|us| us / 1_000).collect();
            return Ok(view);
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

fn line(view: &RoundView) -> String {
    let mut text = format!("{}", view.fault).replace(['"', '{', '}'], "");
    if let Some(why) = &view.skipped {
        return format!("{text}: skipped: {why}");
    }
    if !view.nodes.is_empty() {
        text.push_str(&format!(" ({})", view.nodes.join(", ")));
    }
    let ms = |value: Option<u64>| value.map_or_else(|| "never".to_owned(), |ms| format!("{ms} ms"));
    text.push_str(&format!(
        ": longest gap {}, every node answers after {}, rate back after {}",
        ms(view.gaps_ms.iter().max().copied()),
        ms(view.answers_ms),
        ms(view.back_ms)
    ));
    for note in &view.notes {
        text.push_str(&format!("\n      {note}"));
    }
    text
}

fn spread(summary: &Summary, quorum: bool) -> Spread {
    let rounds = summary.done().filter(|round| round.quorum == quorum);
    let gaps: Vec<u64> = rounds.flat_map(|round| round.gaps_ms.iter().copied()).collect();
    let at = |share| measure::percentile(&gaps, share);
    Spread { p50: at(0.5), p99: at(0.99), max: gaps.iter().max().copied() }
}

fn log(cluster: &LocalCluster, node: usize) -> String {
    // A node that died during a write may have left half a character.
    std::fs::read(cluster.log(node))
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
