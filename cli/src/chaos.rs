//! `troupe chaos`: faults against real processes.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use troupe_chaos::drill::{Job, Summary, page, play, totals};
use troupe_chaos::nemesis::{SCENARIOS, Scenario};

use troupe_local_cluster::figures::{Goal, Report, writable};
use troupe_local_cluster::processes::stop_signal;

/// `troupe chaos`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// F1 to F13, several of them, or `all`.
    #[arg(required = true, value_name = "SCENARIO")]
    scenarios: Vec<String>,
    /// Seed of everything that is drawn: which fault comes when, on which node, and what clients ask.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// For so long rounds of a scenario begin.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Nodes of the cluster.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=9))]
    nodes: u8,
    /// The binary of the build before this one: F8 upgrades its nodes one by one, and goes back the same way.
    #[arg(long, value_name = "BINARY")]
    previous: Option<PathBuf>,
    /// The cluster's configuration, without its nodes and paths.
    #[arg(long, default_value = "cluster.toml")]
    pub(crate) config: PathBuf,
    /// Writes figures and runs to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Writes the page of all runs to this file.
    #[arg(long)]
    page: Option<PathBuf>,
    /// Runs of an earlier call, from its `--json`, that belong on the page as well.
    #[arg(long, value_name = "FILE")]
    with: Vec<PathBuf>,
    /// Keeps data and logs in this folder.
    #[arg(long)]
    keep: Option<PathBuf>,
}

/// Plays what was asked for; an error when the cluster got anything wrong.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let scenarios = scenarios(&arguments.scenarios)?;
    if let Some(previous) = &arguments.previous {
        anyhow::ensure!(previous.is_file(), "--previous {}: the file does not exist", previous.display());
    }
    writable(arguments.json.iter().chain(&arguments.page))?;
    let mut summaries = Vec::new();
    for file in &arguments.with {
        summaries.extend(earlier(file)?);
    }
    let mut stop = stop_signal(false);
    let mut wrong = Vec::new();
    let mut played = Vec::new();
    for scenario in scenarios {
        let playing = Box::pin(one(&arguments, scenario));
        let summary = tokio::select! {
            summary = playing => summary?,
            _ = stop.wait_for(|stop| *stop) => {
                println!("\ninterrupted");
                break;
            }
        };
        wrong.extend(summary.wrong().into_iter().map(|what| format!("{scenario}: {what}")));
        played.push(summary);
    }
    let report = report(arguments.seed, &played);
    report.print();
    if let Some(path) = &arguments.json {
        report.write_with(path, "runs", serde_json::to_value(&played)?)?;
    }
    summaries.extend(played);
    if let Some(path) = &arguments.page {
        std::fs::write(path, page(&summaries)).with_context(|| path.display().to_string())?;
        println!("The page is {}", path.display());
    }
    if wrong.is_empty() {
        return Ok(());
    }
    bail!("{}; see the evidence in --json FILE", wrong.join("; "))
}

async fn one(arguments: &Arguments, scenario: Scenario) -> anyhow::Result<Summary> {
    println!("{scenario}, seed {}: {}", arguments.seed, scenario.story());
    let scratch = tempfile::Builder::new().prefix("troupe-chaos-").tempdir()?;
    let dir = match &arguments.keep {
        Some(keep) => {
            let dir = keep.join(format!("{scenario}-{}", arguments.seed));
            std::fs::create_dir_all(&dir).with_context(|| format!("--keep {}", dir.display()))?;
            dir
        }
        None => scratch.path().to_owned(),
    };
    let job = Job {
        binary: std::env::current_exe()?,
        // As it is written, not as this build reads it: the build before does not know every key of this one.
        template: std::fs::read_to_string(&arguments.config)?.parse()?,
        previous: arguments.previous.clone().filter(|_| scenario == Scenario::ROLL),
        nodes: usize::from(arguments.nodes).max(scenario.nodes_min()),
        scenario,
        seed: arguments.seed,
        length: Duration::from_secs(arguments.seconds),
        dir,
    };
    let summary = play(&job, &|line| println!("  {line}")).await?;
    if summary.skipped.is_none() {
        println!(
            "  {} calls of {} keys, {} in doubt; {}",
            summary.calls,
            summary.keys,
            summary.unknown,
            match summary.wrong() {
                wrong if wrong.is_empty() => "nothing lost, doubled or out of order".to_owned(),
                wrong => format!("WRONG: {}", wrong.join(", ")),
            }
        );
    }
    Ok(summary)
}

fn scenarios(names: &[String]) -> anyhow::Result<Vec<Scenario>> {
    let (all, named): (Vec<&String>, Vec<&String>) = names.iter().partition(|name| *name == "all");
    let named: anyhow::Result<Vec<Scenario>> =
        named.into_iter().map(|name| name.parse().map_err(anyhow::Error::msg)).collect();
    let named = named?;
    Ok(if all.is_empty() { named } else { SCENARIOS.iter().map(|(scenario, _)| *scenario).collect() })
}

fn earlier(file: &PathBuf) -> anyhow::Result<Vec<Summary>> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let mut json: serde_json::Value = serde_json::from_str(&text)
        .with_context(|| format!("{} was not written by chaos --json", file.display()))?;
    serde_json::from_value(json["runs"].take()).with_context(|| format!("{}: runs", file.display()))
}

#[allow(clippy::cast_precision_loss, reason = "counts and milliseconds")]
fn report(seed: u64, summaries: &[Summary]) -> Report {
    let mut report = Report::new("chaos", seed, "probes");
    let calls: u64 = summaries.iter().map(|summary| summary.calls).sum();
    report.add("chaos.calls", calls as f64, "calls", Goal::None);
    for (id, value) in totals(summaries) {
        report.add(id, value as f64, "times", Goal::AtMost(0.0));
    }
    let most = |of: fn(&Summary) -> Option<u64>| summaries.iter().filter_map(of).max();
    for (id, value, goal) in [
        ("chaos.gap_ms.max", most(|summary| summary.gap_ms.max), Goal::None),
        ("chaos.answers_ms.max", most(Summary::answers_ms), Goal::AtMost(10_000.0)),
        ("chaos.back_ms.max", most(Summary::back_ms), Goal::AtMost(30_000.0)),
    ] {
        match value {
            Some(value) => report.add(id, value as f64, "ms", goal),
            None => report.missing(id, "ms", "nothing was played"),
        }
    }
    report
}
