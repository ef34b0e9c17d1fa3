//! Experiments without a difference, looked at after every member: how often the outcome that a cluster holds calls one.

use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use troupe_actors::experimentation::experiments;
use troupe_actors::experimentation::experiments::{
    Aggregation, Experiment, ExperimentSpec, Method, MetricSpec, Plan,
};
use troupe_actors::experimentation::outcomes::{AddMembers, AddSums, Event, LookNow, Outcome};
use troupe_actors::experimentation::participants::Change;
use troupe_runtime::entity::Globals;
use troupe_runtime::{Context, Decide, Entity as _, Timestamp};

use super::judging::gauss;
use troupe_local_cluster::figures::{Goal, Report};

const RUNS: u64 = 2_000;
/// Members of a run with arms of the same size, and of one whose smaller arm has a twentieth.
const EVEN: u64 = 1_000;
const UNEVEN: u64 = 3_000;
const SMALL: f64 = 0.05;

/// What a member comes to, and what that is divided by where the metric is a ratio.
type Draw = fn(&mut SmallRng) -> [f64; 2];

fn exponential(random: &mut SmallRng) -> [f64; 2] {
    [-(1.0 - random.random::<f64>()).ln(), 1.0]
}

fn lognormal(random: &mut SmallRng) -> [f64; 2] {
    [(2.0 * gauss(random)).exp(), 1.0]
}

fn rare(random: &mut SmallRng) -> [f64; 2] {
    [f64::from(u8::from(random.random::<f64>() < 0.02)), 1.0]
}

/// Visits, few of most members and hundreds of some, and their outcomes, at a rate of each member's own.
fn visits(random: &mut SmallRng) -> [f64; 2] {
    let visits = (1.5 * gauss(random)).exp().ceil();
    [visits * gauss(random).exp(), visits]
}

struct Case {
    name: &'static str,
    of: Aggregation,
    ratio: bool,
    /// Of the first variation.
    weight: f64,
    draw: Draw,
}

const CASES: [Case; 8] = [
    Case { name: "exponential", of: Aggregation::Sum, ratio: false, weight: 0.5, draw: exponential },
    Case {
        name: "exponential, 5 % control",
        of: Aggregation::Sum,
        ratio: false,
        weight: SMALL,
        draw: exponential,
    },
    Case {
        name: "lognormal of deviation 2",
        of: Aggregation::Sum,
        ratio: false,
        weight: 0.5,
        draw: lognormal,
    },
    Case {
        name: "lognormal of deviation 2, 5 % control",
        of: Aggregation::Sum,
        ratio: false,
        weight: SMALL,
        draw: lognormal,
    },
    Case {
        name: "2 % rare, 5 % variation",
        of: Aggregation::Any,
        ratio: false,
        weight: 1.0 - SMALL,
        draw: rare,
    },
    Case { name: "ratio to visits", of: Aggregation::Sum, ratio: true, weight: 0.5, draw: visits },
    Case {
        name: "ratio to visits, 5 % control",
        of: Aggregation::Sum,
        ratio: true,
        weight: SMALL,
        draw: visits,
    },
    Case {
        name: "ratio to visits, 5 % variation",
        of: Aggregation::Sum,
        ratio: true,
        weight: 1.0 - SMALL,
        draw: visits,
    },
];

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
pub(super) fn measure(seed: u64, report: &mut Report) -> anyhow::Result<()> {
    let mut worst = 0.0_f64;
    for case in &CASES {
        let error = called(seed, case, Method::Sequential)?;
        println!(
            "judges: {error:.4} of {RUNS} looked at after every member call a difference: {}",
            case.name
        );
        worst = worst.max(error);
    }
    report.add("aa.anytime_error", worst, "share", Goal::AtMost(0.05));
    let fixed = called(seed, &CASES[0], Method::Fixed)?;
    report.add("aa.fixed_error", fixed, "share", Goal::AtLeast(0.2));
    Ok(())
}

fn experiment(case: &Case, method: Method) -> anyhow::Result<Experiment> {
    let spec: ExperimentSpec = serde_json::from_value(serde_json::json!({
        "model": "bench", "variations": [{ "name": "old" }, { "name": "new" }],
        "weights": [case.weight, 1.0 - case.weight],
    }))?;
    let mut metric: MetricSpec = serde_json::from_value(serde_json::json!({ "name": "x", "event": "x" }))?;
    metric.of = case.of;
    metric.per = case.ratio.then(|| "visit".to_owned());
    let plan = Plan { metrics: vec![metric], method, ..Plan::default() };
    let mut experiment = Experiment::create("bench");
    for event in [
        experiments::Event::Defined(spec),
        experiments::Event::Planned(plan),
        experiments::Event::Began(Timestamp(1)),
    ] {
        experiment.apply(&event);
    }
    Ok(experiment)
}

/// The share of runs in which some look calls a difference.
#[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn called(seed: u64, case: &Case, method: Method) -> anyhow::Result<f64> {
    let experiment = experiment(case, method)?;
    let revision = experiment.revision();
    let globals = Globals::default();
    globals.publish(vec![(Experiment::KIND, "bench".to_owned(), Arc::new(experiment))]);
    let members = if case.weight == 0.5 { EVEN } else { UNEVEN };
    let mut called = 0;
    for run in 0..RUNS {
        let mut random = SmallRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(run));
        let mut outcome = Outcome::default();
        for member in 0..members {
            let variation = if random.random::<f64>() < case.weight { "old" } else { "new" }.to_owned();
            let [x, z] = (case.draw)(&mut random);
            let change = Change { x, xx: x * x, z, zz: z * z, xz: x * z, ..Change::default() };
            let changes = vec![(0, change)];
            let covariates = Vec::new();
            outcome.apply(&Event::MembersAdded(AddMembers {
                revision,
                variation: variation.clone(),
                covariates,
            }));
            outcome.apply(&Event::SumsAdded(AddSums { revision, variation, changes, values: Vec::new() }));
            // A fixed test has no least number of members of its own: both methods begin at the same.
            if member < 100 {
                continue;
            }
            let decision = outcome.decide(&LookNow {}, &Context::at(Timestamp(2), "bench", &globals));
            let look = decision.outcome().map_err(|refused| anyhow::anyhow!("{refused:?}"))?;
            let verdict = look.and_then(|look| look.measured.first()).map(|one| one.verdict.as_str());
            if matches!(verdict, Some("better" | "worse")) {
                called += 1;
                break;
            }
        }
    }
    Ok(f64::from(called) / RUNS as f64)
}
