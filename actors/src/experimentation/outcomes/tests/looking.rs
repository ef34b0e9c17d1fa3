//! Looks at any time: their false positive rate, and the agreement of shown intervals with verdicts.

use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use troupe_runtime::entity::Globals;
use troupe_runtime::{Context, Decide, Entity, Timestamp};

use super::{Scene, metric, spec};
use crate::experimentation::experiments;
use crate::experimentation::experiments::{
    Aggregation, Experiment, ExperimentSpec, Method, MetricSpec, Plan,
};
use crate::experimentation::outcomes::{AddMembers, AddSums, Event, Follow, LookNow, Outcome};
use crate::experimentation::participants::Change;

/// Counts the false positives: runs in which a look after every member decides on a difference that does not exist.
/// Uses the cluster's own outcome.
fn called_without_a_difference(plan: &Plan, weight: f64, runs: u64, members: u64, draw: Draw) -> f64 {
    let mut experiment = Experiment::create("e");
    let spec = ExperimentSpec { weights: Some(vec![weight, 1.0 - weight]), ..spec() };
    for event in [
        experiments::Event::Defined(spec),
        experiments::Event::Planned(plan.clone()),
        experiments::Event::Began(Timestamp(1)),
    ] {
        experiment.apply(&event);
    }
    let revision = experiment.revision();
    let globals = Globals::default();
    globals.publish(vec![(Experiment::KIND, "e".to_owned(), Arc::new(experiment))]);
    let mut called = 0;
    for run in 0..runs {
        let mut random = SmallRng::seed_from_u64(run);
        let mut outcome = Outcome::default();
        called += u64::from((0..members).any(|_| {
            let variation = if random.random::<f64>() < weight { "old" } else { "new" }.to_owned();
            let [x, z] = draw(&mut random);
            let change = Change { x, xx: x * x, z, zz: z * z, xz: x * z, ..Change::default() };
            let changes = vec![(0, change)];
            outcome.apply(&Event::MembersAdded(AddMembers {
                revision,
                variation: variation.clone(),
                covariates: vec![],
            }));
            outcome.apply(&Event::SumsAdded(AddSums { revision, variation, changes, values: vec![] }));
            let decision = outcome.decide(&LookNow {}, &Context::at(Timestamp(2), "e", &globals));
            let look = decision.outcome().unwrap().unwrap();
            matches!(look.measured[0].verdict.as_str(), "better" | "worse")
        }));
    }
    called as f64 / runs as f64
}

/// A member's numerator and, for a ratio metric, its denominator.
type Draw = fn(&mut SmallRng) -> [f64; 2];

fn exponential(random: &mut SmallRng) -> [f64; 2] {
    [-(1.0 - random.random::<f64>()).ln(), 1.0]
}

fn gauss(random: &mut SmallRng) -> f64 {
    let (a, b) = (1.0 - random.random::<f64>(), random.random::<f64>());
    (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
}

/// A lognormal number: the standard deviation of its logarithm is two, and one in a thousand is 500 times the median.
fn lognormal(random: &mut SmallRng) -> [f64; 2] {
    [(2.0 * gauss(random)).exp(), 1.0]
}

/// Visits and conversions: most members have few visits and some have hundreds, and each member has its own rate.
fn visits(random: &mut SmallRng) -> [f64; 2] {
    let visits = (1.5 * gauss(random)).exp().ceil();
    [visits * exponential(random)[0], visits]
}

/// Views and clicks: one view in fifty leads to a click.
fn clicks(random: &mut SmallRng) -> [f64; 2] {
    let views = exponential(random)[0].mul_add(5.0, 1.0).floor();
    let clicks = (0..views as u32).filter(|_| random.random::<f64>() < 0.02).count();
    [clicks as f64, views]
}

fn rare(random: &mut SmallRng) -> [f64; 2] {
    [f64::from(u8::from(random.random::<f64>() < 0.02)), 1.0]
}

#[test]
fn looks_after_every_member_keep_alpha_for_small_arms_and_skewed_numbers() {
    let plan = |of: Aggregation, guardrail: bool, ratio: bool| {
        let per = ratio.then(|| "visit".to_owned());
        let metric = MetricSpec { guardrail, margin: 0.0, per, ..metric("hours", "play", of) };
        Plan { metrics: vec![metric], ..Plan::default() }
    };
    let mean = plan(Aggregation::Sum, false, false);
    let guardrail = plan(Aggregation::Sum, true, false);
    let ratio = plan(Aggregation::Sum, false, true);
    let cases: [(&str, &Plan, f64, Draw); 14] = [
        ("exponential", &mean, 0.5, exponential),
        ("small control", &mean, 0.05, exponential),
        ("small variation", &mean, 0.95, exponential),
        ("lognormal", &mean, 0.5, lognormal),
        ("lognormal, small control", &mean, 0.05, lognormal),
        ("lognormal, small variation", &mean, 0.95, lognormal),
        ("rare, small variation", &plan(Aggregation::Any, false, false), 0.95, rare),
        ("guardrail of lognormal, small control", &guardrail, 0.05, lognormal),
        ("ratio of visits", &ratio, 0.5, visits),
        ("ratio of visits, small control", &ratio, 0.05, visits),
        ("ratio of visits, small variation", &ratio, 0.95, visits),
        ("ratio of rare clicks", &ratio, 0.5, clicks),
        ("ratio of rare clicks, small control", &ratio, 0.05, clicks),
        ("ratio of rare clicks, small variation", &ratio, 0.95, clicks),
    ];
    for (name, plan, weight, draw) in cases {
        // A small arm reaches its first fifty members, from which on looks decide, after a thousand members in total.
        let members = if weight == 0.5 { 1_000 } else { 2_200 };
        let error = called_without_a_difference(plan, weight, 60, members, draw);
        assert!(error <= 0.05, "{name}: {error}");
    }
    // A fixed-horizon method is invalid at every look; the test above detects that.
    let fixed = Plan { method: Method::Fixed, ..mean };
    let error = called_without_a_difference(&fixed, 0.5, 60, 600, exponential);
    assert!(error > 0.15, "{error}");
}

#[test]
fn sequential_looks_decide_nothing_on_few_members() {
    let metrics = vec![metric("hours", "play", Aggregation::Sum)];
    let mut scene = Scene::new(Plan { metrics, ..Plan::default() }, 2 * 50);
    for member in 0..2 * 50 {
        let new = member % 2 == 1;
        scene.expose(member, if new { "new" } else { "old" });
        scene.event(member, "play", (member % 3) as f32 + if new { 100.0 } else { 1.0 });
        let look = scene.look();
        assert_eq!(look.verdict == "winner", member == 2 * 50 - 1, "{member}: {look:?}");
    }
    assert!(scene.view().looks[4].words.contains("50"), "{:?}", scene.view().looks[4]);
}

#[test]
fn an_interval_never_contradicts_the_decision() {
    let guard =
        |margin: f64| MetricSpec { guardrail: true, margin, ..metric("stays", "play", Aggregation::Sum) };
    for (method, seed) in [Method::Sequential, Method::Fixed, Method::Bayesian].into_iter().zip(0..) {
        let metrics = vec![
            metric("hours", "play", Aggregation::Sum),
            MetricSpec { name: "guard".into(), ..guard(0.1) },
        ];
        let mut scene = Scene::new(Plan { metrics, method, ..Plan::default() }, 1_200);
        let mut random = SmallRng::seed_from_u64(seed);
        let mut said = std::collections::BTreeSet::new();
        for member in 0..1_200 {
            let new = member % 4 == 1;
            scene.expose(member, if new { "new" } else { "old" });
            // Worse by nearly 30 %, but not among the first 300 members.
            let less = if new && member > 300 { 0.6 } else { 1.0 };
            scene.event(member, "play", (lognormal(&mut random)[0].sqrt() * less) as f32);
            if member < 250 {
                continue;
            }
            let look = scene.look();
            let [hours, guard] = &look.measured[..] else { panic!("{look:?}") };
            let Some((low, high)) = hours.interval else { continue };
            let name = format!("{method:?} {member}: {hours:?} {guard:?}");
            if method != Method::Bayesian {
                assert_eq!(hours.p.unwrap() <= 0.05, low > 0.0 || high < 0.0, "{name}");
            }
            assert_eq!(guard.verdict == "worse", high < -0.1, "{name}");
            assert_eq!(guard.verdict == "better", low > -0.1, "{name}");
            said.extend([hours.verdict.clone(), guard.verdict.clone()]);
        }
        assert!(said.contains("worse") && said.contains("open"), "{method:?}: {said:?}");
    }
}

#[test]
fn a_first_variation_below_zero_does_not_turn_good_into_bad() {
    let metrics = vec![metric("balance", "play", Aggregation::Sum)];
    let mut scene = Scene::new(Plan { metrics, ..Plan::default() }, 400);
    for member in 0..400 {
        let new = member % 2 == 1;
        scene.expose(member, if new { "new" } else { "old" });
        scene.event(member, "play", (member % 5) as f32 - if new { 10.0 } else { 20.0 });
    }
    let look = scene.look();
    let (low, high) = look.measured[0].interval.unwrap();
    assert_eq!(look.verdict, "winner");
    assert!(low > 0.0 && high > low && look.measured[0].effect.unwrap() > 0.0, "{look:?}");
}

#[test]
fn a_first_variation_of_zero_and_arms_without_variance_have_a_difference_and_a_verdict() {
    // The value of each member, the same function for both variations or one for each.
    type Values = fn(usize) -> f32;
    let cases: [(&str, Values, Values, &str); 4] = [
        ("all zero in the first", |_| 0.0, |member| (member % 3) as f32, "better"),
        ("no variance in either", |_| 0.0, |_| 2.0, "better"),
        ("no variance in one", |member| (member % 5) as f32, |_| 0.0, "worse"),
        ("all alike", |_| 0.0, |_| 0.0, "open"),
    ];
    for method in [Method::Sequential, Method::Fixed, Method::Bayesian] {
        for (name, old, new, expected) in cases {
            let metrics = vec![metric("hours", "play", Aggregation::Sum)];
            let mut scene = Scene::new(Plan { metrics, method, ..Plan::default() }, 400);
            for member in 0..400 {
                let is_new = member % 2 == 1;
                scene.expose(member, if is_new { "new" } else { "old" });
                scene.event(member, "play", if is_new { new(member / 2) } else { old(member / 2) });
            }
            scene.outcome(&Follow { runs: false });
            let look = scene.look();
            let one = &look.measured[0];
            let name = format!("{method:?}, {name}: {look:?}");
            assert_eq!(one.verdict, expected, "{name}");
            assert_eq!(
                one.difference,
                one.value.zip(one.baseline).map(|(value, first)| value - first),
                "{name}"
            );
            match one.difference_interval {
                Some((low, high)) => {
                    assert!(
                        low.is_finite() && low < one.difference.unwrap() && one.difference.unwrap() < high,
                        "{name}"
                    );
                    assert_eq!(low > 0.0 || high < 0.0, expected != "open", "{name}");
                }
                None => assert!(expected == "open" && !one.why.is_empty() && one.p.is_none(), "{name}"),
            }
            let words = match expected {
                "better" => "a difference of +",
                "worse" => "hours in new: ",
                _ => "no decision yet",
            };
            assert!(look.words.contains(words), "{name}");
        }
    }
}
