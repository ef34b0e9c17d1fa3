//! A monitor of 25 features sends no alert in a million observations without drift, and detects a planted drift.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its numbers is to fail")]

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use troupe_statistics::drift::alert::AlertEvent;
use troupe_statistics::drift::batch::Expectation;
use troupe_statistics::drift::monitor::{Feature, Monitor, MonitorOptions, WindowReport};

const FEATURES: usize = 25;
const REFERENCE: usize = 10_000;

/// Features of many shapes, of which the first fifteen are normal with a deviation of `i + 1`.
fn draw(random: &mut SmallRng, row: &mut [f64; FEATURES]) {
    for pair in 0..8 {
        let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
        let (sin, cos) = (random.random::<f64>() * std::f64::consts::TAU).sin_cos();
        row[2 * pair] = radius * sin * (2 * pair + 1) as f64;
        row[2 * pair + 1] = radius * cos * (2 * pair + 2) as f64;
    }
    let mut uniform = || random.random::<f64>();
    row[15] = uniform();
    row[16] = -(1.0 - uniform()).ln();
    row[17] = (uniform() * 7.0).floor();
    row[18] = f64::from(u8::from(uniform() < 0.3));
    row[19] = f64::from(u8::from(uniform() < 0.001));
    row[20] = 42.0;
    row[21] = if uniform() < 0.6 { 0.0 } else { uniform() };
    row[22] = if uniform() < 0.02 { f64::NAN } else { uniform() };
    row[23] = 1.0 / (1.0 - uniform());
    row[24] = (uniform() * uniform() * 40.0).floor();
}

fn monitor(random: &mut SmallRng) -> Monitor {
    let mut columns = vec![Vec::new(); FEATURES];
    let mut row = [0.0; FEATURES];
    for _ in 0..REFERENCE {
        draw(random, &mut row);
        columns.iter_mut().zip(row).for_each(|(column, x)| column.push(x));
    }
    let features =
        (0..FEATURES).map(|i| Feature { name: i.to_string(), expectation: Expectation::default() });
    Monitor::new(features.collect(), &columns, MonitorOptions::default()).unwrap()
}

fn fired(report: &WindowReport) -> Vec<&str> {
    let fires = report.events.iter().filter(|event| matches!(event.event, AlertEvent::Fired { .. }));
    fires.map(|event| event.feature.as_str()).collect()
}

#[test]
fn a_million_observations_without_drift_raise_no_alarm() {
    let quiet = |seed: u64| {
        let mut random = SmallRng::seed_from_u64(seed);
        let mut monitor = monitor(&mut random);
        let mut row = [0.0; FEATURES];
        let mut windows = 0;
        for i in 0..1_000_000 {
            draw(&mut random, &mut row);
            if let Some(report) = monitor.observe(&row, i).unwrap() {
                assert_eq!(fired(&report), Vec::<&str>::new(), "seed {seed} at {i}");
                windows += 1;
            }
        }
        assert_eq!(windows, 2000);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| quiet(1));
        scope.spawn(|| quiet(2));
    });
}

#[test]
fn a_shift_of_one_deviation_is_noticed_within_two_thousand_observations() {
    for seed in 0..15u64 {
        let mut random = SmallRng::seed_from_u64(100 + seed);
        let mut monitor = monitor(&mut random);
        let mut row = [0.0; FEATURES];
        let shifted = seed as usize;
        // The shift begins anywhere in a window.
        let begin = 3000 + seed * 37;
        let mut noticed = None;
        for i in 0..begin + 2000 {
            draw(&mut random, &mut row);
            if i >= begin {
                row[shifted] += (shifted + 1) as f64;
            }
            if let Some(report) = monitor.observe(&row, i).unwrap() {
                for name in fired(&report) {
                    assert_eq!(name, shifted.to_string(), "seed {seed} at {i}");
                    noticed = Some(i - begin);
                }
            }
        }
        assert!(noticed.is_some(), "seed {seed}");
    }
}
