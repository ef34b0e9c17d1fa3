//! Observations per second of one monitor with 25 features and ADWIN, and the cost of every detector on a stream of
//! errors.
//!
//! `cargo run --release -p troupe-statistics --example monitor`

use std::time::Instant;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use troupe_statistics::drift::DriftError;
use troupe_statistics::drift::agreement::Agreement;
use troupe_statistics::drift::batch::Expectation;
use troupe_statistics::drift::monitor::{Feature, Monitor, MonitorOptions};
use troupe_statistics::drift::stream::{AnyDetector, DetectorSpec};

const FEATURES: usize = 25;
const OBSERVATIONS: usize = 1_000_000;
/// Observations drawn beforehand and fed in turn, so that the draws are not measured.
const DRAWN: usize = 1 << 15;
const DETECTORS: [&str; 8] = ["adwin", "page_hinkley", "ddm", "eddm", "fhddm", "hddm_a", "hddm_w", "kswin"];

fn detectors(kinds: &[&str]) -> Vec<AnyDetector> {
    let spec = |kind: &&str| serde_json::from_value::<DetectorSpec>(serde_json::json!({ "kind": kind })).ok();
    kinds.iter().filter_map(spec).filter_map(|spec| spec.build().ok()).collect()
}

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
    let errors: Vec<f64> = (0..DRAWN).map(|_| f64::from(u8::from(random.random::<f64>() < 0.1))).collect();
    for kinds in DETECTORS.chunks(1).chain([&DETECTORS[..]]) {
        let (mut agreement, mut detectors) = (Agreement::default(), detectors(kinds));
        let begin = Instant::now();
        for i in 0..OBSERVATIONS {
            agreement.observe(&mut detectors, errors[i % DRAWN]);
            if i % 500 == 499 {
                agreement.close(detectors.len());
            }
        }
        let ns = begin.elapsed().as_secs_f64() * 1e9 / OBSERVATIONS as f64;
        println!("{ns:.0} ns an error by {}", kinds.join(", "));
    }
    Ok(())
}
