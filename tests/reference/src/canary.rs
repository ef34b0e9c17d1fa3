//! Kayenta's own tests: its classifiers, its intervals, its detectors, percentiles, statistics and scores, real configs, and
//! what its users report of its first judge.

use std::collections::BTreeMap;

use serde_json::Value;

use super::compare::{list, number, numbers, read, same, text, within};
use super::tally::{Held, Tally};
use troupe_statistics::analysis::normal_quantile;
use troupe_statistics::canary::classify::{Class, MannWhitneyClassifier, MetricPolicy, by_means, cohen_d};
use troupe_statistics::canary::judge::Stats;
use troupe_statistics::canary::score::{Counted, score};
use troupe_statistics::canary::{
    CanaryConfig, Direction, Measure, MetricPair, NanStrategy, Thresholds, iqr_outliers, judge,
    ksigma_outliers, mann_whitney, percentile, wilcoxon_difference,
};

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

pub(super) fn classifiers(all: &Value, tally: &mut Tally) -> Held {
    for case in list(all, "cases")? {
        tally.try_case(text(case, "test")?, classified(case));
    }
    Ok(())
}

fn classified(case: &Value) -> Held {
    let (params, call) = (text(case, "params")?, text(case, "call")?);
    let (control, experiment) =
        (numbers(&case["arrays"]["controlData"]), numbers(&case["arrays"]["experimentData"]));
    let asserts: Vec<&str> = list(case, "asserts")?.iter().filter_map(Value::as_str).collect();
    if case["classifier"] == "MeanInequalityClassifier" {
        let found = by_means(&control, &experiment, direction(call));
        return same(
            &Some(format!("result.classification == {found:?}").as_str()),
            &asserts.first().copied(),
        );
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
    let policy = MetricPolicy {
        direction: direction(call),
        nan_strategy: if call.contains("Replace") { NanStrategy::Replace } else { NanStrategy::Remove },
        critical: call.contains("isCriticalMetric = true"),
        must_have_data: call.contains("isDataRequired = true"),
    };
    let found = classifier.classify(&control, &experiment, policy, 1);
    for assert in asserts {
        let holds = match (assert, assert.strip_prefix("result.deviation == ")) {
            ("result.critical", _) => found.critical,
            ("!result.critical", _) => !found.critical,
            ("result.deviation.isNaN", _) => found.ratio.is_nan(),
            (_, Some(expected)) => expected.parse() == Ok(found.ratio),
            _ => assert == format!("result.classification == {:?}", found.class),
        };
        if !holds {
            return Err(format!("{assert}, and it is {found:?}"));
        }
    }
    Ok(())
}

/// What Kayenta's tests of the interval assert; their text is code, so the numbers stand here.
pub(super) fn intervals(all: &Value, tally: &mut Tally) -> Held {
    for case in list(all, "cases")? {
        let name = text(case, "test")?;
        let side = |name: &str| numbers(&case["arrays"][name]);
        let (x, y) = (sorted(side("x")), sorted(side("y")));
        let held = match name {
            name if name.contains("Wilcoxon Diff") => difference(&x, &y, 0.0, 0.0, -1.229_416)
                .and_then(|()| difference(&x, &y, 5.0, 0.0, -35.806_06)),
            name if name.contains("zQuant") => within("z", normal_quantile(0.01), -2.326_348, 1e-6),
            name if name.contains("Problem Case") => {
                let expected =
                    [-1.480_802_893_638_610_8e-5, 1.808_255_910_873_413e-5, 1.808_255_910_873_413e-5];
                interval(&side("experiment"), &side("control"), 0.98, expected, 1e-9)
            }
            name if name.contains("Tie out with R") => {
                let expected = [-0.500_002_521_696_696, -3.486_287_505_871_302e-5, -0.499_939_390_718_032_3];
                interval(&side("experiment"), &side("control"), 0.95, expected, 1e-4)
            }
            name if name.contains("Intermediate Values") => intermediate(&x, &y),
            _ => Err("unknown section".to_owned()),
        };
        tally.try_case(name, held);
    }
    Ok(())
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

fn difference(x: &[f64], y: &[f64], mu: f64, quantile: f64, expected: f64) -> Held {
    let found = wilcoxon_difference(mu, quantile, x, y).ok_or("no difference")?;
    within("difference", found, expected, 1e-5)
}

fn interval(x: &[f64], y: &[f64], confidence: f64, expected: [f64; 3], estimate_within: f64) -> Held {
    let found = mann_whitney(x, y, confidence).map_err(|error| error.to_string())?;
    within("low", found.low, expected[0], 1e-6_f64.min(estimate_within))?;
    within("high", found.high, expected[1], 1e-6_f64.min(estimate_within))?;
    within("estimate", found.estimate, expected[2], estimate_within)
}

fn intermediate(x: &[f64], y: &[f64]) -> Held {
    let ends = |of: &[f64]| of.first().copied().zip(of.last().copied()).ok_or("no values");
    let ((x_least, x_most), (y_least, y_most)) = (ends(x)?, ends(y)?);
    let (low, high) = (x_least - y_most, x_most - y_least);
    within("least", low, -3.124_999_999_999_986, 1e-12)?;
    within("most", high, 5.555_555_555_555_557, 1e-12)?;
    let z = 1.959_963_984_540_053_6;
    difference(x, y, low, z, 17.090_968_923_762_254)?;
    difference(x, y, high, z, -20.997_687_930_433_106)?;
    difference(x, y, low, -z, 21.010_896_892_842_36)?;
    difference(x, y, high, -z, -17.077_759_961_353)?;
    let expected = [3.521_755_377_702_165e-5, 2.024_564_616_623_34e-5, 2.627_924_304_515_565_3e-5];
    interval(x, y, 0.95, expected, 1e-9)
}

fn places(found: &[bool]) -> Vec<usize> {
    found.iter().enumerate().filter_map(|(at, out)| out.then_some(at)).collect()
}

pub(super) fn small(all: &Value, tally: &mut Tally) -> Held {
    for case in list(all, "ksigma")? {
        let found = ksigma_outliers(&numbers(&case["data"]), number(&case["k"])?);
        tally.try_case("ksigma", same(&places(&found), &read(&case["outlier_idx"])?));
    }
    for case in list(all, "iqr_no_reduce")? {
        let found = iqr_outliers(&numbers(&case["data"]), number(&case["factor"])?, false);
        tally.try_case("iqr", same(&places(&found), &read(&case["outlier_idx"])?));
    }
    for case in list(all, "percentile_R7")? {
        let data = sorted(numbers(&case["data"]));
        let asked: BTreeMap<String, f64> = read(&case["p"])?;
        let mut each = asked.iter().map(|(p, expected)| {
            let p: f64 = p.parse().map_err(|_| format!("{p} is not a number"))?;
            within("percentile", percentile(&data, p), *expected, 1e-5)
        });
        tally.try_case("percentile", each.try_for_each(|held| held));
    }
    for case in list(all, "summary")? {
        let found = Stats::of(&numbers(&case["data"]));
        let found = [("min", found.min), ("max", found.max), ("mean", found.mean), ("std", found.std)];
        let mut each = found.iter().map(|(name, found)| within(name, *found, number(&case[*name])?, 1e-4));
        tally.try_case("summary", each.try_for_each(|held| held));
    }
    for case in list(all, "cohenD")? {
        let found = cohen_d(&numbers(&case["control"]), &numbers(&case["experiment"]));
        tally.try_case("cohenD", within("d", found, number(&case["d"])?, 1e-5));
    }
    for case in list(all, "score")? {
        tally.try_case("score", scored(case));
    }
    for case in list(all, "known_weak_cases_from_issues")? {
        let policy = MetricPolicy { direction: Direction::Increase, ..MetricPolicy::default() };
        let (control, experiment) = (numbers(&case["control"]), numbers(&case["experiment"]));
        let found = MannWhitneyClassifier::default().classify(&control, &experiment, policy, 1);
        tally.try_case(&case["src"], same(&found.class, &read(&case["v1_judge"])?));
    }
    Ok(())
}

fn scored(case: &Value) -> Held {
    let weights: BTreeMap<String, f64> = read(&case["weights"])?;
    let results: Vec<Vec<String>> = read(&case["results"])?;
    let mut counted = Vec::new();
    for result in &results {
        let (groups, class) = result.split_first_chunk::<1>().zip(result.get(1)).ok_or("no class")?;
        counted.push(Counted {
            name: "metric",
            groups: groups.0,
            class: read::<Class>(&Value::from(class.as_str()))?,
            reason: None,
            critical: result.get(2).is_some_and(|word| word == "critical"),
        });
    }
    let (_, found) = score(&counted, &weights, Thresholds::default());
    same(&found.score, &number(&case["summary"])?)
}

/// Real configs are read, are sound, judge data that is as good, and are given back as they came: alone, inside a request,
/// or named by a pipeline. A pipeline itself is not a config.
pub(super) fn configs(all: &Value, tally: &mut Tally) -> Held {
    let configs = all["configs"].as_object().ok_or("configs is not an object")?;
    for (name, config) in configs {
        let held = match (config.get("canaryConfig"), config.get("stages")) {
            (Some(inside), _) => given_back(inside).and_then(|()| {
                let thresholds: Thresholds = read(&config["executionRequest"]["thresholds"])?;
                same(&(thresholds.pass, thresholds.marginal), &(95.0, 75.0))
            }),
            (None, Some(_)) => piped(configs, config),
            (None, None) => given_back(config),
        };
        tally.try_case(name, held);
    }
    Ok(())
}

fn piped(configs: &serde_json::Map<String, Value>, pipeline: &Value) -> Held {
    let problems = read::<CanaryConfig>(pipeline)?.validate();
    same(&problems.iter().any(|problem| problem.path == "metrics"), &true)?;
    let judges: Vec<&Value> =
        list(pipeline, "stages")?.iter().filter(|stage| stage["type"] == "canaryJudge").collect();
    same(&judges.len(), &1)?;
    for stage in judges {
        let named = configs.values().find(|config| config["name"] == stage["canaryConfigId"]);
        given_back(named.ok_or_else(|| format!("no config {}", stage["canaryConfigId"]))?)?;
    }
    Ok(())
}

fn given_back(config: &Value) -> Held {
    let known: CanaryConfig = read(config)?;
    same(&known.validate(), &Vec::new())?;
    let point = |at: i32, more: f64| f64::from(at) + more;
    let pair = |metric: &troupe_statistics::canary::Metric| MetricPair {
        name: metric.name.clone(),
        control: (0..100).map(|at| point(at, 0.0)).collect(),
        experiment: (0..100).map(|at| point(at, 0.5)).collect(),
        ..MetricPair::default()
    };
    let pairs: Vec<MetricPair> = known.metrics.iter().map(pair).collect();
    let judged = judge(&known, Thresholds::default(), &pairs, 1)
        .map_err(|problem| format!("{}: {}", problem.path, problem.why))?;
    same(&(judged.score.score, judged.results.len()), &(100.0, pairs.len()))?;
    let written = serde_json::to_value(&known).map_err(|error| error.to_string())?;
    let kept = config.as_object().into_iter().flatten();
    for (key, value) in kept.filter(|(key, _)| !matches!(key.as_str(), "metrics" | "classifier")) {
        same(&&written[key], &value)?;
    }
    Ok(())
}
