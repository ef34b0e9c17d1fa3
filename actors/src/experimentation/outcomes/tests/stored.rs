//! Decoding of looks stored without differences, and round trips of looks with them.

use bincode::{Decode, Encode};
use troupe_runtime::{Timestamp, wire};

use super::Scene;
use crate::experimentation::experiments::{Aggregation, MetricSpec, Plan};
use crate::experimentation::outcomes::{Decided, Event, LookView, Measured, Outcome, OutcomeView};

/// A measurement in the form of builds without differences.
#[derive(Encode, Decode, Clone, Debug, PartialEq)]
struct Then {
    metric: String,
    variation: String,
    n: u64,
    value: Option<f64>,
    baseline: Option<f64>,
    effect: Option<f64>,
    interval: Option<(f64, f64)>,
    p: Option<f64>,
    verdict: String,
    why: String,
}

#[derive(Encode, Decode, Clone, Debug, PartialEq)]
struct LookThen {
    at: Timestamp,
    members: Vec<u64>,
    imbalance_p: Option<f64>,
    measured: Vec<Then>,
    verdict: String,
    words: String,
}

fn then(baseline: f64, value: f64, effect: f64, interval: (f64, f64)) -> Then {
    Then {
        metric: "delay".into(),
        variation: "new".into(),
        n: 40,
        value: Some(value),
        baseline: Some(baseline),
        effect: Some(effect),
        interval: Some(interval),
        p: Some(0.25),
        verdict: "open".into(),
        why: String::new(),
    }
}

fn look_then(measured: Vec<Then>) -> LookThen {
    LookThen {
        at: Timestamp(7),
        members: vec![20, 40],
        imbalance_p: Some(0.5),
        measured,
        verdict: "open".into(),
        words: "no decision yet".into(),
    }
}

#[test]
fn a_quantile_effect_stored_by_an_older_build_is_read_as_a_difference() {
    for (name, one, difference, absolute, effect, relative) in [
        (
            "absolute",
            then(100.0, 180.0, 80.0, (10.0, 150.0)),
            Some(80.0),
            Some((10.0, 150.0)),
            Some(0.8),
            None,
        ),
        ("relative", then(100.0, 180.0, 0.8, (0.1, 1.5)), None, None, Some(0.8), Some((0.1, 1.5))),
        ("both", then(1.0, 1.5, 0.5, (0.1, 1.0)), None, None, Some(0.5), Some((0.1, 1.0))),
        ("of nothing", then(0.0, 3.0, 3.0, (1.0, 5.0)), Some(3.0), Some((1.0, 5.0)), None, None),
        ("none", then(100.0, 100.0, 0.0, (-5.0, 5.0)), Some(0.0), None, Some(0.0), None),
    ] {
        let bytes = wire::encode(&look_then(vec![one]));
        let look: LookView = wire::decode(&bytes).unwrap();
        let found = &look.measured[0];
        assert_eq!((found.difference, found.difference_interval), (difference, absolute), "{name}");
        assert_eq!((found.effect, found.interval), (effect, relative), "{name}");
        assert_eq!(wire::decode::<LookView>(&wire::encode(&look)).unwrap(), look, "{name}");
    }
}

#[test]
fn looks_without_differences_are_stored_in_the_old_shape() {
    let old = look_then(vec![then(100.0, 180.0, 0.8, (0.1, 1.5))]);
    let bytes = wire::encode(&old);
    let look: LookView = wire::decode(&bytes).unwrap();
    assert_eq!(wire::encode(&look), bytes);
    let decided = Decided { at: Timestamp(7), verdict: "winner".into(), words: "it is".into() };
    let state =
        (3_u64, true, vec![("new".to_owned(), 2_u64, Vec::<u8>::new(), Vec::<u8>::new())], 1_u64, 9_u64);
    let bytes = wire::encode(&(state, vec![old.clone(), old.clone()], Some(decided.clone())));
    let outcome: Outcome = wire::decode(&bytes).unwrap();
    assert_eq!((outcome.looks.len(), &outcome.decided), (2, &Some(decided.clone())));
    assert_eq!(wire::encode(&outcome), bytes);
    let view = (3_u64, true, vec![("new".to_owned(), 2_u64)], 1_u64, true, 9_u64);
    let bytes = wire::encode(&(view, vec![old], Some(decided)));
    assert_eq!(wire::encode(&wire::decode::<OutcomeView>(&bytes).unwrap()), bytes);
}

#[test]
fn differences_survive_in_every_place_where_looks_are_stored() {
    let metrics = vec![
        super::metric("hours", "play", Aggregation::Sum),
        MetricSpec { cuped: true, ..super::metric("plays", "play", Aggregation::Count) },
    ];
    let mut scene = Scene::new(Plan { metrics, ..Plan::default() }, 200);
    assert_eq!(scene.look().measured, []);
    for member in 0..200 {
        scene.expose(member, if member % 2 == 1 { "new" } else { "old" });
        (0..=member % 3).for_each(|_| scene.event(member, "play", (member % 7) as f32));
        scene.look();
    }
    let look = scene.look();
    assert!(
        look.measured
            .iter()
            .all(|one: &Measured| one.difference.is_some() && one.difference_interval.is_some())
    );
    let event = Event::Looked(Box::new(look.clone()));
    assert_eq!(wire::decode::<Event>(&wire::encode(&event)).unwrap(), event);
    let view = scene.view();
    assert!(
        view.looks.contains(&look)
            && view.looks.iter().any(|look| look.measured.iter().all(|one| one.difference.is_none()))
    );
    assert_eq!(wire::decode::<OutcomeView>(&wire::encode(&view)).unwrap(), view);
    let outcome: Outcome = wire::decode(&wire::encode(&scene.outcome)).unwrap();
    assert_eq!(outcome.looks, scene.outcome.looks);
}
