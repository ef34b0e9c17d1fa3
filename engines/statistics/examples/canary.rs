//! How long one judgement of 50 metrics of 1,000 points takes, with their intervals: the quickest of many rounds.
//!
//! `cargo run --release -p troupe-judges --example canary`

use std::hint::black_box;
use std::time::Instant;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use troupe_statistics::canary::{CanaryConfig, MetricPair, Thresholds, judge};

const METRICS: usize = 50;
const POINTS: usize = 1_000;
const ROUNDS: u64 = 100;

fn gauss(random: &mut SmallRng) -> f64 {
    let (a, b) = (1.0 - random.random::<f64>(), random.random::<f64>());
    (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
}

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
