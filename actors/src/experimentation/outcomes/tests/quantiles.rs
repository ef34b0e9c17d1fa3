//! Quantiles of members, their bands and their guardrails.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::{Scene, metric};
use crate::experimentation::experiments::{Aggregation, Direction, MetricSpec, Plan};

/// An experiment on the median delay, with these two levels and this many members.
fn delays(metric: MetricSpec, levels: [f32; 2], members: usize) -> Scene {
    let mut scene = Scene::new(Plan { metrics: vec![metric], ..Plan::default() }, members);
    let mut random = SmallRng::seed_from_u64(2);
    for member in 0..members {
        scene.expose(member, if member % 2 == 1 { "new" } else { "old" });
        scene.event(member, "play", levels[member % 2] + 50.0 * random.random::<f32>());
    }
    scene
}

fn median() -> MetricSpec {
    MetricSpec { quantile: Some(0.5), good: Direction::Down, ..metric("delay", "play", Aggregation::Sum) }
}

#[test]
fn a_quantile_is_judged_by_its_bands() {
    let mut scene = delays(median(), [100.0, 200.0], 4_000);
    let look = scene.look();
    let delay = &look.measured[0];
    assert_eq!(delay.verdict, "worse", "{delay:?}");
    let (low, high) = delay.interval.unwrap();
    assert!(low < 0.8 && high > 0.8 && low > 0.4 && high < 1.2, "relative to the first: {delay:?}");
    assert!((delay.effect.unwrap() - 0.8).abs() < 0.05, "{delay:?}");
}

#[test]
fn a_guardrail_of_a_quantile_has_its_margin() {
    // 80 % slower.
    for (margin, expected) in [(0.0, "worse"), (0.3, "worse"), (1.0, "better"), (0.8, "open")] {
        let guard = MetricSpec { guardrail: true, margin, ..median() };
        let look = delays(guard, [100.0, 200.0], 4_000).look();
        assert_eq!(look.measured[0].verdict, expected, "{margin}: {look:?}");
        assert_eq!(look.verdict == "harm", expected == "worse", "{margin}");
    }
}

#[test]
fn a_busy_member_counts_once_in_a_quantile_and_its_value_leaves_with_it() {
    let mut scene = Scene::new(Plan { metrics: vec![median()], ..Plan::default() }, 2);
    scene.expose(0, "old");
    scene.expose(1, "new");
    for _ in 0..3_000 {
        scene.event(0, "play", 100.0);
        scene.event(1, "play", 200.0);
    }
    let look = scene.look();
    assert_eq!((look.measured[0].n, look.measured[0].verdict.as_str()), (1, "open"), "{look:?}");
    scene.expose(1, "old");
    assert_eq!(scene.look().measured[0].verdict, "no_data");
    assert!(scene.outcome.arms.iter().all(|arm| arm.values[0].count == u64::from(arm.variation == "old")));
}
