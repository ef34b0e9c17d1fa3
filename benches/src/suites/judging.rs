//! The judges by themselves: how fast they decide beside the libraries that people know, and how often they err.

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use troupe_flags::growthbook::{Context, Dialect, Features};
use troupe_statistics::canary::{CanaryConfig, MetricPair, Thresholds, judge};

use super::{looking, monitoring};
use troupe_local_cluster::figures::{Goal, Report};

const SUBJECTS: usize = 10_000;
const DECISIONS: usize = 2_000_000;
const METRICS: usize = 50;
const POINTS: usize = 1_000;
/// Judgements of all metrics, here and there.
const ROUNDS: u64 = 20;
/// Where the numbers of reference systems are.
const VECTORS: &str = "tests/vectors";
/// Where the bench's libraries are, if `make bench` has fetched them.
const PYTHON: &str = ".deps/venv/bin/python";

const GROWTHBOOK: &str = "
import json, sys, time, growthbook
features = json.loads(sys.argv[1]); n = 20000
client = growthbook.GrowthBook(features=features)
start = time.perf_counter()
for i in range(n):
    client.set_attributes({'id': str(i % 10000), 'country': 'DE'})
    client.get_feature_value('artwork', None)
print(n / (time.perf_counter() - start))
";

const SCIPY: &str = "
import sys, time, random
from scipy.stats import mannwhitneyu
random.seed(1)
pairs = [([random.gauss(0, 1) for _ in range(1000)], [random.gauss(0, 1) for _ in range(1000)]) for _ in range(50)]
for a, b in pairs[:5]: mannwhitneyu(a, b)
best = float('inf')
for _ in range(int(sys.argv[1])):
    start = time.perf_counter()
    for a, b in pairs: mannwhitneyu(a, b)
    best = min(best, time.perf_counter() - start)
print(best * 1000)
";

/// What a Python library prints as its figure; none where it is not there.
fn python(script: &str, argument: &str) -> Option<f64> {
    if !Path::new(PYTHON).exists() {
        println!("judges: no {PYTHON}: `make bench` fetches it, and the baseline with it");
        return None;
    }
    let said = Command::new(PYTHON).args(["-c", script, argument]).output().ok()?;
    let figure =
        String::from_utf8_lossy(&said.stdout).lines().last().and_then(|line| line.trim().parse().ok());
    if figure.is_none() {
        println!(
            "judges: a baseline is missing: {}",
            String::from_utf8_lossy(&said.stderr).lines().last().unwrap_or("")
        );
    }
    figure
}

pub(super) fn gauss(random: &mut SmallRng) -> f64 {
    let (a, b) = (1.0 - random.random::<f64>(), random.random::<f64>());
    (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
}

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
pub(super) fn measure(seed: u64, report: &mut Report) -> anyhow::Result<()> {
    println!("judges: on one core of this process");
    reproduced(report);
    allocation(report)?;
    canaries(seed, report)?;
    monitoring::measure(seed, report)?;
    looking::measure(seed, report)
}

/// Tries every case of the reference systems' numbers.
#[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn reproduced(report: &mut Report) {
    let (mut cases, mut failed) = (0, 0);
    for file in troupe_reference::files() {
        let path = Path::new(VECTORS).join(file).with_extension("json");
        let Ok(text) = std::fs::read_to_string(&path) else {
            let why = format!("{} cannot be read: run this in the repository", path.display());
            return report.missing("vectors.failed", "cases", &why);
        };
        let tally = troupe_reference::try_all(file, &text);
        tally.failed.iter().for_each(|why| println!("judges: {file}: {why}"));
        (cases, failed) = (cases + tally.cases, failed + tally.failed.len());
    }
    report.add("vectors.cases", cases as f64, "cases", Goal::None);
    report.add("vectors.failed", failed as f64, "cases", Goal::AtMost(0.0));
}

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn allocation(report: &mut Report) -> anyhow::Result<()> {
    let payload = json!({ "artwork": { "defaultValue": null, "rules": [{
        "key": "artwork", "variations": ["old", "new", "other"], "weights": [0.4, 0.4, 0.2], "coverage": 0.9,
        "hashVersion": 2, "condition": { "country": { "$in": ["DE", "FR", "US"] } }, "namespace": ["home", 0, 0.8],
    }] } });
    let empty = serde_json::Map::new();
    let whole = json!({ "features": payload }).to_string();
    let features =
        Features::compile(&whole, Dialect::default()).map_err(|refused| anyhow::anyhow!("{refused}"))?;
    let attributes: Vec<Value> =
        (0..SUBJECTS).map(|id| json!({ "id": id.to_string(), "country": "DE" })).collect();
    let started = Instant::now();
    for at in 0..DECISIONS {
        let attributes = attributes[at % SUBJECTS].as_object().unwrap_or(&empty);
        black_box(features.evaluate("artwork", &Context::new(attributes), &mut ()).value);
    }
    let per_s = DECISIONS as f64 / started.elapsed().as_secs_f64();
    match python(GROWTHBOOK, &payload.to_string()) {
        Some(baseline) => {
            report.beside("allocation.per_s", per_s, "decisions/s", baseline, Goal::None);
            report.add("allocation.ratio", per_s / baseline, "x", Goal::AtLeast(50.0));
        }
        None => report.add("allocation.per_s", per_s, "decisions/s", Goal::None),
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn canaries(seed: u64, report: &mut Report) -> anyhow::Result<()> {
    let mut random = SmallRng::seed_from_u64(seed);
    let metrics: Vec<Value> =
        (0..METRICS).map(|at| json!({ "name": format!("m{at}"), "groups": ["g"], "query": {} })).collect();
    let config: CanaryConfig = serde_json::from_value(json!({ "name": "bench", "metrics": metrics }))?;
    let mut points = || (0..POINTS).map(|_| gauss(&mut random)).collect();
    let pairs: Vec<MetricPair> = (0..METRICS)
        .map(|at| MetricPair {
            name: format!("m{at}"),
            control: points(),
            experiment: points(),
            ..MetricPair::default()
        })
        .collect();
    black_box(judge(&config, Thresholds::default(), &pairs[..5], 0).ok());
    // The quickest round on both sides: what other programs take from a round belongs to neither.
    let round = |round: u64| {
        let started = Instant::now();
        black_box(judge(&config, Thresholds::default(), &pairs, round).ok());
        started.elapsed().as_secs_f64() * 1e3
    };
    let ms = (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min);
    match python(SCIPY, &ROUNDS.to_string()) {
        Some(baseline) => {
            report.beside("canary.ms", ms, "ms", baseline, Goal::None);
            report.add("canary.ratio", baseline / ms, "x", Goal::AtLeast(5.0));
        }
        None => report.add("canary.ms", ms, "ms", Goal::None),
    }
    Ok(())
}
