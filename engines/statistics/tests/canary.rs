//! The canary judges on planted changes and on unchanged data.

#![cfg(test)]

#[path = "random/gauss.rs"]
mod gauss;

use gauss::gauss;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use serde_json::Value;
use troupe_statistics::canary::Direction;
use troupe_statistics::canary::classify::{Class, MannWhitneyClassifier, MetricPolicy};
use troupe_statistics::canary::sequential::{Sign, Watch};

/// User-reported weak cases of the first judge, which passes them.
const SMALL: &str = include_str!("../../../tests/vectors/kayenta_small.json");

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

#[test]
fn the_second_judge_sees_a_weak_case_of_the_first_where_there_is_enough_to_see() {
    let small: Value = serde_json::from_str(SMALL).unwrap();
    for case in small["known_weak_cases_from_issues"].as_array().unwrap() {
        let (control, experiment) = (floats(&case["control"]), floats(&case["experiment"]));
        let mut watch = Watch::default();
        control.iter().zip(&experiment).for_each(|(c, e)| watch.fold(*c, *e, Direction::Increase));
        // Seven of seven is more than chance, and three of three is not: that judge waits for more.
        assert_eq!(watch.evidence().p <= 0.06, control.len() == 10, "{case}: {:?}", watch.evidence());
    }
}

#[test]
fn a_look_after_every_pair_raises_no_more_false_alarms_than_it_says() {
    let runs = 400;
    let mut alarms = 0;
    for seed in 0..runs {
        let mut random = SmallRng::seed_from_u64(seed);
        let mut watch = Watch::default();
        for minute in 0..400 {
            // The day moves both sides, and its noise with it.
            let day = (f64::from(minute) / 60.0).sin() * 10.0;
            let noise = 1.0 + (f64::from(minute) / 90.0).cos().abs();
            watch.fold(day + noise * gauss(&mut random), day + noise * gauss(&mut random), Direction::Either);
        }
        alarms += u32::from(watch.evidence().p <= 0.05);
    }
    assert!(f64::from(alarms) / runs as f64 <= 0.05, "{alarms} of {runs}");
}

#[test]
fn a_shift_and_a_change_of_spread_are_seen_of_which_the_first_judge_sees_one() {
    for (name, shift, spread, by_first, sign) in
        [("shift", 1.0, 1.0, true, Sign::Higher), ("spread", 0.0, 3.0, false, Sign::Wider)]
    {
        let mut random = SmallRng::seed_from_u64(5);
        let baseline: Vec<f64> = (0..300).map(|_| 50.0 + gauss(&mut random)).collect();
        let canary: Vec<f64> = (0..300).map(|_| 50.0 + shift + spread * gauss(&mut random)).collect();
        let first = MannWhitneyClassifier::default().classify(&baseline, &canary, MetricPolicy::default(), 1);
        assert_eq!(first.class != Class::Pass, by_first, "{name}: {first:?}");
        let mut watch = Watch::default();
        baseline.iter().zip(&canary).for_each(|(b, c)| watch.fold(*b, *c, Direction::Either));
        let found = watch.evidence();
        assert!(found.p < 1e-4 && found.sign == Some(sign), "{name}: {found:?}");
    }
}
