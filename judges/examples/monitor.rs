//! How many observations of 25 features one monitor takes per second, with every fold and ADWIN on.
//!
//! `cargo run --release -p troupe-judges --example monitor`

use std::time::Instant;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use troupe_judges::drift::DriftError;
use troupe_judges::drift::batch::Expectation;
use troupe_judges::drift::monitor::{Feature, Monitor, MonitorOptions};

const FEATURES: usize = 25;
const OBSERVATIONS: usize = 1_000_000;
/// Observations drawn beforehand and fed in turn, so that drawing is not measured.
const DRAWN: usize = 1 << 15;

fn main() -> Result<(), DriftError> {
    let mut random = SmallRng::seed_from_u64(7);
    let rows: Vec<[f64; FEATURES]> = (0..DRAWN).map(|_| std::array::from_fn(|_| random.random())).collect();
    let columns: Vec<Vec<f64>> = (0..FEATURES).map(|i| rows.iter().map(|row| row[i]).collect()).collect();
    let expectation = Expectation {
        least: Some(0.0),
        most: Some(1.0),
        max_null_rate: Some(0.01),
        ..Expectation::default()
    };
    let features = (0..FEATURES).map(|i| Feature { name: format!("f{i}"), expectation });
    let mut monitor = Monitor::new(features.collect(), &columns, MonitorOptions::default())?;
    let (mut windows, mut messages) = (0, 0);
    let begin = Instant::now();
    for i in 0..OBSERVATIONS {
        if let Some(report) = monitor.observe(&rows[i % DRAWN], i as u64)? {
            windows += 1;
            messages += report.events.len();
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    let rate = OBSERVATIONS as f64 / seconds;
    println!("{rate:.0} observations/s of {FEATURES} features ({windows} windows, {messages} messages)");
    Ok(())
}
