//! `troupe sim`: whole clusters under seeds, in one thread.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, bail};
use clap::Args;
use troupe_runtime::sim::{Group, Options, Timed, draw, run, shrink};

use troupe_local_cluster::figures::{Goal, Report, writable};

/// Runs that a failing plan is shrunk in.
const SHRINK_RUNS: u32 = 200;

/// What to simulate.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Seeds, the last one excluded.
    #[arg(long, default_value = "0..20", value_parser = seeds)]
    seeds: Range<u64>,
    /// Faults that may happen, by name: crash, pause, cut, lossy, disk, amnesia, clock, overload, drain, membership.
    /// Without it, all.
    #[arg(long, value_delimiter = ',', value_parser = group)]
    faults: Option<Vec<Group>>,
    /// Nodes.
    #[arg(long, default_value_t = 5)]
    nodes: u16,
    /// Data shards.
    #[arg(long, default_value_t = 8)]
    shards: u32,
    /// Simulated seconds under faults; healing comes on top.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Clients.
    #[arg(long, default_value_t = 8)]
    clients: u16,
    /// How long a client tries one call.
    #[arg(long, default_value_t = 2_000, value_name = "MS")]
    call_ms: u64,
    /// Faults from this file instead of the seed's own.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// Where a failing seed's faults are kept, shrunk.
    #[arg(long, value_name = "FILE", default_value = "sim-plan.json")]
    plan: PathBuf,
    /// Where the figures are written.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let range = text.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    range
        .filter(|range: &Range<u64>| !range.is_empty())
        .ok_or_else(|| "write it as FROM..TO with FROM below TO, as in 0..20".to_owned())
}

fn group(text: &str) -> Result<Group, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}

/// Runs the seeds; an error when one of them fails.
#[allow(clippy::cast_precision_loss, reason = "figures")]
pub(crate) fn simulate(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { seeds, faults, nodes, shards, seconds, clients, call_ms, replay, plan: keep, json } =
        arguments;
    let all = faults.unwrap_or_else(|| Group::ALL.to_vec());
    let options = Options {
        nodes,
        shards,
        seconds,
        clients,
        call_ms,
        faults: all,
        replicas: nodes.min(3),
        ..Options::default()
    };
    let problems = options.problems();
    if !problems.is_empty() {
        bail!("{}", problems.join("; "));
    }
    writable(&json)?;
    let replayed = replay.map(|file| {
        let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        serde_json::from_str::<Vec<Timed>>(&text).with_context(|| file.display().to_string())
    });
    let replayed = replayed.transpose()?;
    let (began, count) = (Instant::now(), seeds.end - seeds.start);
    let (mut simulated, mut events, mut answered, mut elections) = (0, 0, 0, 0);
    let mut failed = None;
    for seed in seeds.clone() {
        let plan = replayed.clone().unwrap_or_else(|| draw(seed, &options));
        let outcome = run(seed, &options, &plan);
        simulated += outcome.simulated;
        events += outcome.events;
        answered += outcome.answered;
        elections += outcome.elections;
        println!(
            "seed {seed}: {} faults, {} calls, {} entries, {} leaders, hash {:016x}",
            plan.len(),
            outcome.answered,
            outcome.entries,
            outcome.elections,
            outcome.hash
        );
        if let Some(why) = outcome.failure {
            failed = Some((seed, why, plan));
            break;
        }
    }
    let wall = began.elapsed().as_secs_f64();
    let mut report = Report::new("sim", seeds.start, "simulated");
    report.add("sim.cluster_seconds_per_s", simulated as f64 / 1e6 / wall, "s/s", Goal::AtLeast(50.0));
    report.add("sim.seeds", count as f64, "seeds", Goal::None);
    report.add("sim.failed", f64::from(u8::from(failed.is_some())), "seeds", Goal::AtMost(0.0));
    report.add("sim.events_per_s", events as f64 / wall, "1/s", Goal::None);
    report.add("sim.calls", answered as f64, "calls", Goal::None);
    report.add("sim.elections", elections as f64, "terms", Goal::None);
    report.print();
    if let Some(file) = json {
        report.write(&file)?;
    }
    let Some((seed, why, plan)) = failed else { return Ok(()) };
    let less = shrink(seed, &options, &plan, SHRINK_RUNS);
    std::fs::write(&keep, serde_json::to_string_pretty(&less)?)
        .with_context(|| keep.display().to_string())?;
    println!("\n{} of {} faults suffice. Again:", less.len(), plan.len());
    println!(
        "  troupe sim --seeds {seed}..{} --nodes {nodes} --shards {shards} --seconds {seconds} --clients {clients} \
         --call-ms {call_ms} --replay {}",
        seed + 1,
        keep.display()
    );
    bail!("seed {seed}: {why}")
}
