//! A monitor by itself: how much it takes, how soon it notices, and how often it is wrong.

use std::hint::black_box;
use std::time::Instant;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use serde_json::json;
use troupe_actors::Kept;
use troupe_actors::monitors::{DefineMonitor, Monitor as Entity, MonitorSpec, Observe, Row};
use troupe_judges::drift::monitor::{Feature, Monitor, MonitorOptions};
use troupe_runtime::entity::Globals;
use troupe_runtime::{Context, Decide, Entity as _, Timestamp};

use super::judging::gauss;
use crate::figures::{Goal, Report};

const FEATURES: usize = 25;
const OBSERVATIONS: usize = 1_000_000;
/// Rows that are told at once.
const BATCH: usize = 2_000;
/// The reference, and how many times a drift is planted behind it.
const REFERENCE: usize = 8_000;
const PLANTED: u64 = 20;
/// Every detector that there is, on the stream of errors.
const DETECTORS: [&str; 8] = ["adwin", "page_hinkley", "ddm", "eddm", "fhddm", "hddm_a", "hddm_w", "kswin"];

fn row(random: &mut SmallRng) -> [f64; FEATURES] {
    std::array::from_fn(|_| gauss(random))
}

fn features() -> Vec<Feature> {
    (0..FEATURES).map(|at| Feature { name: format!("f{at}"), expectation: Default::default() }).collect()
}

fn columns(random: &mut SmallRng) -> Vec<Vec<f64>> {
    let rows: Vec<[f64; FEATURES]> = (0..REFERENCE).map(|_| row(random)).collect();
    (0..FEATURES).map(|at| rows.iter().map(|row| row[at]).collect()).collect()
}

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
pub(super) fn measure(seed: u64, report: &mut Report) -> anyhow::Result<()> {
    let mut random = SmallRng::seed_from_u64(seed);
    report.add("monitor.per_s", taken(&mut random)?, "observations/s", Goal::AtLeast(200_000.0));
    let mut monitor = Monitor::new(features(), &columns(&mut random), MonitorOptions::default())?;
    let mut alarms = 0;
    for at in 0..OBSERVATIONS {
        let said = monitor.observe(&row(&mut random), at as u64)?;
        alarms += said.map_or(0, |report| report.events.len());
    }
    report.add("drift.false_alarms", alarms as f64, "alarms", Goal::AtMost(0.0));
    let mut latest = 0;
    for planted in 0..PLANTED {
        let mut random = SmallRng::seed_from_u64(seed.wrapping_add(1 + planted));
        let mut monitor = Monitor::new(features(), &columns(&mut random), MonitorOptions::default())?;
        let noticed = (0..20_000).find(|at| {
            let mut row = row(&mut random);
            // Half a standard deviation, in one of the features.
            row[usize::try_from(planted).unwrap_or(0) % FEATURES] += 0.5;
            matches!(monitor.observe(&row, *at as u64), Ok(Some(said)) if !said.events.is_empty())
        });
        latest = latest.max(noticed.map_or(20_000, |at| at + 1));
    }
    report.add("drift.delay_events", f64::from(latest), "events", Goal::AtMost(2_000.0));
    Ok(())
}

/// Rows a second that the entity decides and folds, with every detector on, its windows, its alarms and its copy of
/// itself included; all but the log.
#[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn taken(random: &mut SmallRng) -> anyhow::Result<f64> {
    let errors = DETECTORS.map(|kind| serde_json::from_value(json!({ "kind": kind })));
    let errors = errors.into_iter().collect::<Result<_, _>>()?;
    let spec = Kept(MonitorSpec { features: features(), errors, ..MonitorSpec::default() });
    let some = |column: Vec<f64>| column.into_iter().map(Some).collect();
    let reference = Some(columns(random).into_iter().map(some).collect());
    let batch = |random: &mut SmallRng| {
        let one = |at: usize| Row {
            values: row(random).into_iter().map(Some).collect(),
            error: Some(f64::from(u8::from(at.is_multiple_of(10)))),
            predicted: None,
        };
        Observe { rows: (0..BATCH).map(one).collect() }
    };
    let batches: Vec<Observe> = (0..16).map(|_| batch(random)).collect();
    let globals = Globals::default();
    let mut monitor = Entity::create("bench");
    let define = DefineMonitor { spec, reference };
    let defined = monitor.decide(&define, &Context::at(Timestamp(1), "bench", &globals));
    defined.outcome().map_err(|refused| anyhow::anyhow!("{refused:?}"))?;
    defined.events().iter().for_each(|event| monitor.apply(event));
    let started = Instant::now();
    for at in 0..OBSERVATIONS / BATCH {
        let now = Context::at(Timestamp(2 + at as u64), "bench", &globals);
        let decision = monitor.decide(&batches[at % batches.len()], &now);
        decision.outcome().map_err(|refused| anyhow::anyhow!("{refused:?}"))?;
        decision.events().iter().for_each(|event| monitor.apply(event));
        black_box(&monitor);
    }
    Ok(OBSERVATIONS as f64 / started.elapsed().as_secs_f64())
}
