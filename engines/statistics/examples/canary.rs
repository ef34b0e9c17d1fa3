//! Duration of one judgement of 50 metrics with 1,000 points each: the fastest of 100 rounds.
//!
//! `cargo run --release -p troupe-statistics --example canary`

#[path = "../tests/random/gauss.rs"]
mod gauss;

use std::hint::black_box;
use std::time::Instant;

use gauss::gauss;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use troupe_statistics::canary::{CanaryConfig, MetricPair, Thresholds, judge};

const METRICS: usize = 50;
const POINTS: usize = 1_000;
const ROUNDS: u64 = 100;

fn main() -> serde_json::Result<()> {
    let mut random = SmallRng::seed_from_u64(7);
    let name = |at: usize| format!("m{at}");
    let metrics: Vec<serde_json::Value> =
        (0..METRICS).map(|at| serde_json::json!({ "name": name(at), "groups": [], "query": {} })).collect();
    let config: CanaryConfig =
        serde_json::from_value(serde_json::json!({ "name": "bench", "metrics": metrics }))?;
    let mut points = || (0..POINTS).map(|_| gauss(&mut random)).collect();
    let pairs: Vec<MetricPair> = (0..METRICS)
        .map(|at| MetricPair {
            name: name(at),
            control: points(),
            experiment: points(),
            ..MetricPair::default()
        })
        .collect();
    let round = |round: u64| {
        let started = Instant::now();
        black_box(judge(&config, Thresholds::default(), black_box(&pairs), round).ok());
        started.elapsed().as_secs_f64() * 1e3
    };
    let ms = (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min);
    println!("{ms:.2} ms for {METRICS} metrics of {POINTS} points");
    Ok(())
}
