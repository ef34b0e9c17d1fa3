//! Plays a scenario.

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
use crate::nemesis::{Hands, Round, Rounds, Scenario};
use crate::site::{Look, Plan, Site};
use crate::workload::{Crowd, Gone, TallyView};

/// For a cluster to be founded.
const READY_WITHIN: Duration = Duration::from_secs(90);
/// Before the first fault: what is usual.
const CALM: Duration = Duration::from_secs(3);
/// For every node to answer after a heal, and for the rate to come back. The goals are 10 s and 30 s.
const RECOVERY_MAX: Duration = Duration::from_secs(60);
/// Each node's own disk, where a scenario is about disks.
const DISK_BYTES: u64 = 192 << 20;

/// What is to be played.
#[derive(Debug, Clone)]
pub struct Job {
    /// The binary whose nodes are run.
    pub binary: PathBuf,
    /// The build before it, where a rolling restart is to be an upgrade and the way back.
    pub previous: Option<PathBuf>,
    /// The cluster's configuration, without nodes and paths.
    pub template: toml::Table,
    /// How many nodes.
    pub nodes: usize,
    /// What.
    pub scenario: Scenario,
    /// Of everything that is drawn.
    pub seed: u64,
    /// For so long rounds begin.
    pub length: Duration,
    /// Where data and logs go.
    pub dir: PathBuf,
}

/// Plays it; `say` is told what happens.
///
/// # Errors
/// The cluster did not start, or the system refused something that every system grants. What the cluster got wrong is no
/// error; it is in the summary.
pub async fn play(job: &Job, say: &(dyn Fn(&str) + Sync)) -> anyhow::Result<Summary> {
    let start = Instant::now();
    let mut summary = Summary {
        scenario: job.scenario.to_string(),
        story: job.scenario.story().to_owned(),
        seed: job.seed,
        nodes: job.nodes,
        ..Summary::default()
    };
    let mut site = site(job, say).await?;
    let look = Look::at(&site.places)?;
    look.until_ready(READY_WITHIN).await.with_context(|| format!("see the logs in {}", job.dir.display()))?;
    let memory = Memory::watch(site.pids());
    let mut crowd = Crowd::gather(&site.places, job.seed)?;
    tokio::time::sleep(CALM).await;
    let calm = measure::rate(&crowd.tally().view().successes, 500_000, crowd.now());
    say(&format!("{} nodes, {calm:.0} answers/s in calm", job.nodes));
    let rounds = Instant::now();
    let drawn = Rounds::new(job.scenario, job.seed, job.nodes).with_previous(job.previous.is_some());
    for (at, round) in (0_u64..).zip(drawn) {
        if rounds.elapsed() >= job.length {
            break;
        }
        let seed = job.seed.wrapping_mul(1_009) + at;
        let mut hands = Hands { site: &mut site, look: &look, crowd: &crowd, seed };
        let view = one(&mut hands, &round, calm).await?;
        say(&told(&view));
        summary.rounds.push(view);
    }
    let gone = crowd.disperse().await;
    let logs: Vec<String> = (0..job.nodes).map(|node| log(&site, node)).collect();
    site.end().await;
    judge(&mut summary, gone, &crowd.tally().view(), &logs);
    summary.gap_ms = spread(&summary, true);
    summary.gap_down_ms = spread(&summary, false);
    summary.memory_bytes = memory.largest();
    summary.seconds = start.elapsed().as_secs();
    Ok(summary)
}

/// What the clients were told and the nodes wrote, as figures and evidence.
fn judge(summary: &mut Summary, (history, effects, unanswered): Gone, tally: &TallyView, logs: &[String]) {
    let findings = examine(&history);
    let deciders = deciders::read(logs.iter().map(String::as_str));
    summary.evidence = findings.violations.iter().map(|violation| json!(violation)).collect();
    summary.evidence.extend(tally.untyped_shown.iter().map(|text| json!({ "untyped": text })));
    summary
        .evidence
        .extend(effects.lost_from.iter().map(|(key, lost)| json!({ "effects_lost": { key: lost } })));
    summary.evidence.extend(unanswered.iter().map(|key| json!({ "unanswered": key })));
    summary.keys = findings.keys;
    summary.calls = findings.calls;
    summary.answered = findings.answered;
    summary.failed = findings.failed;
    summary.unknown = findings.unknown;
    summary.effects = effects.acknowledged;
    summary.lost = findings.lost + effects.lost;
    summary.duplicates = findings.duplicates + effects.duplicates;
    summary.disordered = effects.disordered;
    summary.stale = findings.stale;
    summary.denied = findings.denied + effects.denied;
    summary.double_deciders = deciders.doubled + findings.forked;
    summary.leaderships = deciders.leaderships;
    summary.not_linearizable = findings.not_linearizable;
    summary.undecided = findings.undecided;
    summary.unanswered = unanswered.len() as u64;
    summary.untyped = tally.untyped;
    summary.silent = tally.silent;
    summary.given_up = tally.given_up;
    summary.attempts = tally.attempts.clone();
}

async fn site(job: &Job, say: &(dyn Fn(&str) + Sync)) -> anyhow::Result<Site> {
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
        match Site::start(plan.clone()).await {
            Ok(site) => return Ok(site),
            Err(why) => say(&format!("without disks of their own: {why:#}")),
        }
        plan.disk_bytes = None;
    }
    Site::start(plan).await
}

/// One round, from the fault to the recovery.
async fn one(hands: &mut Hands<'_>, round: &Round, calm: f64) -> anyhow::Result<RoundView> {
    let nodes = hands.site.places.len();
    let began = hands.crowd.now();
    let mut done = hands.play(round).await?;
    let healed = hands.crowd.now();
    let name = |node: &usize| hands.site.places[*node].name.clone();
    let mut view = RoundView {
        fault: serde_json::to_value(round.fault)?,
        nodes: done.nodes.iter().map(name).collect(),
        held_ms: (healed - began) / 1_000,
        skipped: done.skipped.take(),
        notes: std::mem::take(&mut done.notes),
        quorum: round.fault.quorum(),
        ..RoundView::default()
    };
    for node in hands.mend()? {
        view.notes.push(format!("{} had ended and was started again", hands.site.places[node].name));
    }
    let answered = join_all((0..nodes).map(|node| hands.crowd.until_answers(node, RECOVERY_MAX))).await;
    let slowest = answered.into_iter().collect::<Option<Vec<Duration>>>();
    view.answers_ms = slowest.and_then(|times| times.into_iter().max()).map(millis);
    (0..nodes).for_each(|node| hands.crowd.excuses().end(node));
    let deadline = Instant::now() + RECOVERY_MAX;
    loop {
        let successes = hands.crowd.tally().view().successes;
        let now = hands.crowd.now();
        view.back_ms = measure::back(&successes, calm, healed, now).map(|us| us / 1_000);
        if view.back_ms.is_some() || Instant::now() > deadline {
            view.gaps_ms = measure::gaps(&successes, began, now).into_iter().map(|us| us / 1_000).collect();
            return Ok(view);
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

fn told(view: &RoundView) -> String {
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

fn log(site: &Site, node: usize) -> String {
    // A node that died while it wrote may have left half a character.
    std::fs::read(site.log(node))
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
