//! The canary judges against Kayenta's own tests, and against planted changes.

#![cfg(test)]

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use std::collections::BTreeMap;
use troupe_judges::canary::classify::{Class, MannWhitneyClassifier, Told, by_means};
use troupe_judges::canary::score::{Counted, score};
use troupe_judges::canary::sequential::{Sign, Watch};
use troupe_judges::canary::{
    CanaryConfig, Direction, Measure, MetricPair, NanStrategy, Thresholds, iqr_outliers, judge,
    ksigma_outliers, mann_whitney, percentile, wilcoxon_difference,
};

const CLASSIFIER: &str = include_str!("../../tests/vectors/kayenta_classifier.json");
const MANN_WHITNEY: &str = include_str!("../../tests/vectors/kayenta_mannwhitney.json");
const SMALL: &str = include_str!("../../tests/vectors/kayenta_small.json");
const CONFIGS: &str = include_str!("../../tests/vectors/kayenta_configs.json");

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap_or(&Vec::new()).iter().map(|x| x.as_f64().unwrap_or(f64::NAN)).collect()
}

/// The number after `name =` in the text of one of Kayenta's tests.
fn after(text: &str, name: &str) -> Option<f64> {
    let rest = text.split(name).nth(1)?.trim_start().strip_prefix('=')?.trim_start();
    let end = rest.find([',', ' ', ')']).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

fn pair_after(text: &str, name: &str) -> Option<(f64, f64)> {
    let rest = text.split(name).nth(1)?.trim_start().strip_prefix('=')?.trim_start().strip_prefix('(')?;
    let (both, _) = rest.split_once(')')?;
    let (a, b) = both.split_once(',')?;
    Some((a.trim().parse().ok()?, b.trim().parse().ok()?))
}

fn direction(call: &str) -> Direction {
    match call {
        call if call.contains("Direction.Increase") => Direction::Increase,
        call if call.contains("Direction.Decrease") => Direction::Decrease,
        _ => Direction::Either,
    }
}

#[test]
fn every_case_of_the_classifiers_is_classified_as_kayenta_does() {
    let cases = parsed(CLASSIFIER);
    let cases = cases["cases"].as_array().unwrap();
    assert!(cases.len() >= 25);
    for case in cases {
        let (name, params, call) = (
            case["test"].as_str().unwrap(),
            case["params"].as_str().unwrap(),
            case["call"].as_str().unwrap(),
        );
        let (control, experiment) =
            (floats(&case["arrays"]["controlData"]), floats(&case["arrays"]["experimentData"]));
        let asserts: Vec<&str> =
            case["asserts"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        if case["classifier"] == "MeanInequalityClassifier" {
            let found = by_means(&control, &experiment, direction(call));
            assert_eq!(format!("result.classification == {found:?}"), asserts[0], "{name}");
            continue;
        }
        let measure = if params.to_lowercase().contains("cles") { Measure::Cles } else { Measure::MeanRatio };
        let none = if measure == Measure::Cles { (0.5, 0.5) } else { (1.0, 1.0) };
        let classifier = MannWhitneyClassifier {
            tolerance: after(params, "tolerance").unwrap_or(0.25),
            confidence: after(params, "confLevel").unwrap_or(0.98),
            allowed: pair_after(params, "effectSizeThresholds").unwrap_or(none),
            critical: pair_after(params, "criticalThresholds").unwrap_or(none),
            measure,
        };
        let told = Told {
            direction: direction(call),
            nan_strategy: if call.contains("Replace") { NanStrategy::Replace } else { NanStrategy::Remove },
            critical: call.contains("isCriticalMetric = true"),
            must_have_data: call.contains("isDataRequired = true"),
        };
        let found = classifier.classify(&control, &experiment, told, 1);
        for assert in asserts {
            let holds = match assert {
                "result.critical" => found.critical,
                "!result.critical" => !found.critical,
                "result.deviation.isNaN" => found.ratio.is_nan(),
                assert if assert.starts_with("result.deviation == ") => {
                    found.ratio == assert[20..].parse::<f64>().unwrap()
                }
                assert => assert == format!("result.classification == {:?}", found.class),
            };
            assert!(holds, "{name}: {assert}, and it is {found:?}");
        }
    }
}

#[test]
fn the_interval_of_mann_and_whitney_is_that_of_r() {
    let cases = parsed(MANN_WHITNEY);
    let case = |name: &str| {
        let found = cases["cases"]
            .as_array()
            .unwrap()
            .iter()
            .find(|case| case["test"].as_str().unwrap().contains(name));
        found.unwrap()["arrays"].clone()
    };
    let sorted = |value: &Value| {
        let mut values = floats(value);
        values.sort_by(f64::total_cmp);
        values
    };
    let close = |found: f64, expected: f64, within: f64| {
        assert!((found - expected).abs() <= within, "{found} for {expected}")
    };
    let arrays = case("Wilcoxon Diff");
    let (x, y) = (sorted(&arrays["x"]), sorted(&arrays["y"]));
    close(wilcoxon_difference(0.0, 0.0, &x, &y).unwrap(), -1.229_416, 1e-5);
    close(wilcoxon_difference(5.0, 0.0, &x, &y).unwrap(), -35.806_06, 1e-5);
    let arrays = case("Problem Case");
    let found = mann_whitney(&floats(&arrays["experiment"]), &floats(&arrays["control"]), 0.98).unwrap();
    close(found.low, -1.480_802_893_638_610_8e-5, 1e-9);
    close(found.high, 1.808_255_910_873_413e-5, 1e-9);
    close(found.estimate, 1.808_255_910_873_413e-5, 1e-9);
    let arrays = case("Tie out with R");
    let found = mann_whitney(&floats(&arrays["experiment"]), &floats(&arrays["control"]), 0.95).unwrap();
    close(found.low, -0.500_002_521_696_696, 1e-6);
    close(found.high, -3.486_287_505_871_302e-5, 1e-6);
    close(found.estimate, -0.499_939_390_718_032_3, 1e-4);
    let arrays = case("Intermediate Values");
    let (x, y) = (sorted(&arrays["x"]), sorted(&arrays["y"]));
    let z = 1.959_963_984_540_053_6;
    let (low, high) = (x[0] - y[y.len() - 1], x[x.len() - 1] - y[0]);
    close(low, -3.124_999_999_999_986, 1e-12);
    close(high, 5.555_555_555_555_557, 1e-12);
    for (mu, quantile, expected) in [
        (low, z, 17.090_968_923_762_254),
        (high, z, -20.997_687_930_433_106),
        (low, -z, 21.010_896_892_842_36),
        (high, -z, -17.077_759_961_353),
    ] {
        close(wilcoxon_difference(mu, quantile, &x, &y).unwrap(), expected, 1e-5);
    }
    let found = mann_whitney(&x, &y, 0.95).unwrap();
    close(found.low, 3.521_755_377_702_165e-5, 1e-9);
    close(found.high, 2.024_564_616_623_34e-5, 1e-9);
    close(found.estimate, 2.627_924_304_515_565_3e-5, 1e-9);
}

#[test]
fn detectors_percentiles_and_scores_are_those_of_kayenta() {
    let small = parsed(SMALL);
    let places = |found: Vec<bool>| -> Vec<u64> {
        (0..).zip(found).filter_map(|(at, out)| out.then_some(at)).collect()
    };
    let indices = |case: &Value| -> Vec<u64> { serde_json::from_value(case["outlier_idx"].clone()).unwrap() };
    for case in small["ksigma"].as_array().unwrap() {
        assert_eq!(
            places(ksigma_outliers(&floats(&case["data"]), case["k"].as_f64().unwrap())),
            indices(case),
            "{case}"
        );
    }
    for case in small["iqr_no_reduce"].as_array().unwrap() {
        let found = iqr_outliers(&floats(&case["data"]), case["factor"].as_f64().unwrap(), false);
        assert_eq!(places(found), indices(case), "{case}");
    }
    for case in small["percentile_R7"].as_array().unwrap() {
        let mut data = floats(&case["data"]);
        data.sort_by(f64::total_cmp);
        for (p, expected) in case["p"].as_object().unwrap() {
            let found = percentile(&data, p.parse().unwrap());
            assert!((found - expected.as_f64().unwrap()).abs() < 1e-5, "{case}: {found}");
        }
    }
    for case in small["score"].as_array().unwrap() {
        let weights: BTreeMap<String, f64> = serde_json::from_value(case["weights"].clone()).unwrap();
        let results = case["results"].as_array().unwrap();
        let groups: Vec<[String; 1]> = results.iter().map(|r| [r[0].as_str().unwrap().to_owned()]).collect();
        let counted: Vec<Counted<'_>> = results
            .iter()
            .zip(&groups)
            .map(|(result, groups)| Counted {
                name: "metric",
                groups,
                class: serde_json::from_value::<Class>(result[1].clone()).unwrap(),
                reason: None,
                critical: result[2] == "critical",
            })
            .collect();
        let (_, found) = score(&counted, &weights, Thresholds::default());
        assert_eq!(found.score, case["summary"].as_f64().unwrap(), "{case}");
    }
}

#[test]
fn the_weak_cases_of_the_first_judge_are_as_its_users_report_them() {
    let small = parsed(SMALL);
    for case in small["known_weak_cases_from_issues"].as_array().unwrap() {
        let (control, experiment) = (floats(&case["control"]), floats(&case["experiment"]));
        let told = Told { direction: Direction::Increase, ..Told::default() };
        let found = MannWhitneyClassifier::default().classify(&control, &experiment, told, 1);
        assert_eq!(found.class, Class::Pass, "{case}");
        let mut watch = Watch::default();
        control.iter().zip(&experiment).for_each(|(c, e)| watch.fold(*c, *e, Direction::Increase));
        // Seven of seven is more than chance, and three of three is not: that judge waits for more.
        assert_eq!(watch.evidence().p <= 0.06, control.len() == 10, "{case}: {:?}", watch.evidence());
    }
}

#[test]
fn real_configs_are_read_judged_and_given_back_as_they_came() {
    let configs = parsed(CONFIGS);
    let mut judged = 0;
    for (name, config) in configs["configs"].as_object().unwrap() {
        if config.get("metrics").is_none() {
            continue;
        }
        let read: CanaryConfig =
            serde_json::from_value(config.clone()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let problems = read.validate();
        assert!(problems.is_empty(), "{name}: {problems:?}");
        let pair = |metric: &troupe_judges::canary::Metric| MetricPair {
            name: metric.name.clone(),
            control: (0..100).map(f64::from).collect(),
            experiment: (0..100).map(|x| f64::from(x) + 0.5).collect(),
            ..MetricPair::default()
        };
        let pairs: Vec<MetricPair> = read.metrics.iter().map(pair).collect();
        let result = judge(&read, Thresholds::default(), &pairs, 1).unwrap();
        assert_eq!((result.score.score, result.results.len()), (100.0, pairs.len()), "{name}");
        let written = serde_json::to_value(&read).unwrap();
        for (key, value) in config.as_object().unwrap() {
            assert!(
                key == "metrics" || key == "classifier" || written[key] == *value,
                "{name} {key}: {}",
                written[key]
            );
        }
        judged += 1;
    }
    assert!(judged >= 3, "{judged}");
}

fn gauss(random: &mut SmallRng) -> f64 {
    let (a, b) = (1.0 - random.random::<f64>(), random.random::<f64>());
    (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
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
        let first = MannWhitneyClassifier::default().classify(&baseline, &canary, Told::default(), 1);
        assert_eq!(first.class != Class::Pass, by_first, "{name}: {first:?}");
        let mut watch = Watch::default();
        baseline.iter().zip(&canary).for_each(|(b, c)| watch.fold(*b, *c, Direction::Either));
        let found = watch.evidence();
        assert!(found.p < 1e-4 && found.sign == Some(sign), "{name}: {found:?}");
    }
}
