//! A monitor by itself: how much it takes, how soon it notices, and how often it is wrong.

use std::hint::black_box;
use std::time::Instant;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use troupe_actors::NamedFields;
use troupe_actors::observability::monitors::{Alarm, DefineMonitor, Monitor, MonitorSpec, Observe, Row};
use troupe_runtime::entity::Globals;
use troupe_runtime::{Command, Context, Decide, Entity as _, Timestamp};
use troupe_statistics::drift::monitor::Feature;

use super::judging::gauss;
use troupe_local_cluster::figures::{Goal, Report};

const FEATURES: usize = 25;
const OBSERVATIONS: usize = 1_000_000;
/// Rows that are sent at once: as many as one batch may hold of so many features. Where a drift is planted, few, so that
/// it is known after which of them it was noticed.
const BATCH: usize = 800;
const FEW: usize = 50;
/// The share of errors, and what it becomes where their drift is planted.
const ERRORS: f64 = 0.1;
const MORE_ERRORS: f64 = 0.2;
/// Rows that the reference is learned from, whole batches of them, and how many times a drift is planted behind it.
const REFERENCE: usize = 8_000;
const PLANTED: usize = 20;
/// Every detector that there is, on the stream of errors.
const DETECTORS: [&str; 8] = ["adwin", "page_hinkley", "ddm", "eddm", "fhddm", "hddm_a", "hddm_w", "kswin"];

fn values(random: &mut SmallRng) -> [f64; FEATURES] {
    std::array::from_fn(|_| gauss(random))
}

/// A row; one of its values is half a standard deviation off if so asked.
fn row(random: &mut SmallRng, shifted: Option<usize>, errors: f64) -> Row {
    let mut values = values(random);
    if let Some(at) = shifted {
        values[at % FEATURES] += 0.5;
    }
    let error = Some(f64::from(u8::from(random.random::<f64>() < errors)));
    Row { values: values.into_iter().map(Some).collect(), error, predicted: None }
}

fn features() -> Vec<Feature> {
    (0..FEATURES).map(|at| Feature { name: format!("f{at}"), expectation: Default::default() }).collect()
}

/// The entity as a cluster holds it, with every detector on and each batch decided and folded; all but the log.
struct Watched {
    monitor: Monitor,
    globals: Globals,
    now: u64,
}

impl Watched {
    fn new(random: &mut SmallRng) -> anyhow::Result<Self> {
        let errors = DETECTORS.map(|kind| serde_json::from_value(json!({ "kind": kind })));
        let errors = errors.into_iter().collect::<Result<_, _>>()?;
        let reference_rows = Some(u32::try_from(REFERENCE)?);
        let spec = NamedFields(MonitorSpec {
            features: features(),
            errors,
            reference_rows,
            ..MonitorSpec::default()
        });
        let mut watched = Self { monitor: Monitor::create("bench"), globals: Globals::default(), now: 1 };
        watched.tell(&DefineMonitor { spec, reference: None })?;
        for _ in 0..REFERENCE / BATCH {
            let rows = (0..BATCH).map(|_| row(random, None, ERRORS)).collect();
            watched.observe(&Observe { rows })?;
        }
        Ok(watched)
    }

    fn tell<C: Command>(&mut self, command: &C) -> anyhow::Result<Option<C::Reply>>
    where
        Monitor: Decide<C>,
        C::Reply: Clone,
    {
        self.now += 1;
        let decision =
            self.monitor.decide(command, &Context::at(Timestamp(self.now), "bench", &self.globals));
        let reply = decision.outcome().map_err(|refused| anyhow::anyhow!("{refused:?}"))?.cloned();
        decision.events().iter().for_each(|event| self.monitor.apply(event));
        Ok(reply)
    }

    fn observe(&mut self, batch: &Observe) -> anyhow::Result<Vec<Alarm>> {
        Ok(self.tell(batch)?.map_or_else(Vec::new, |observed| observed.alarms))
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
pub(super) fn measure(seed: u64, report: &mut Report) -> anyhow::Result<()> {
    let mut random = SmallRng::seed_from_u64(seed);
    report.add("monitor.per_s", taken(&mut random)?, "observations/s", Goal::AtLeast(200_000.0));
    let mut watched = Watched::new(&mut random)?;
    let mut alarms = 0;
    for _ in 0..OBSERVATIONS / BATCH {
        let rows = (0..BATCH).map(|_| row(&mut random, None, ERRORS)).collect();
        alarms += watched.observe(&Observe { rows })?.len();
    }
    report.add("drift.false_alarms", alarms as f64, "alarms", Goal::AtMost(0.0));
    let of_feature = noticed(seed, |planted| (Some(planted), ERRORS))?;
    report.add("drift.delay_events", of_feature as f64, "events", Goal::AtMost(2_000.0));
    let of_errors = noticed(seed, |_| (None, MORE_ERRORS))?;
    report.add("drift.error_delay_events", of_errors as f64, "events", Goal::AtMost(2_000.0));
    Ok(())
}

/// After how many observations the latest of the drifts that are planted is noticed.
fn noticed(seed: u64, drift: impl Fn(usize) -> (Option<usize>, f64)) -> anyhow::Result<usize> {
    let mut latest = 0;
    for planted in 0..PLANTED {
        let mut random = SmallRng::seed_from_u64(seed.wrapping_add(1 + planted as u64));
        let mut watched = Watched::new(&mut random)?;
        // The drift begins anywhere in a window, once the first ones have shown how many errors are usual.
        for _ in 0..100 + planted {
            let rows = (0..FEW).map(|_| row(&mut random, None, ERRORS)).collect();
            watched.observe(&Observe { rows })?;
        }
        let (shifted, errors) = drift(planted);
        let mut after = 0;
        while after < 20_000 {
            let rows = (0..FEW).map(|_| row(&mut random, shifted, errors)).collect();
            after += FEW;
            if watched.observe(&Observe { rows })?.iter().any(|alarm| alarm.fired) {
                break;
            }
        }
        latest = latest.max(after);
    }
    Ok(latest)
}

/// Rows a second that the entity decides and folds, its windows, its alarms and its copy of itself included.
#[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn taken(random: &mut SmallRng) -> anyhow::Result<f64> {
    let mut watched = Watched::new(random)?;
    let batch =
        |random: &mut SmallRng| Observe { rows: (0..BATCH).map(|_| row(random, None, ERRORS)).collect() };
    let batches: Vec<Observe> = (0..40).map(|_| batch(random)).collect();
    let started = Instant::now();
    for at in 0..OBSERVATIONS / BATCH {
        black_box(watched.observe(&batches[at % batches.len()])?);
    }
    Ok(OBSERVATIONS as f64 / started.elapsed().as_secs_f64())
}
