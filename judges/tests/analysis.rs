//! The analyses against gbstats and against the published formulas.

#![cfg(test)]

use serde_json::Value;
use troupe_judges::analysis::{
    CountProcess, Effect, Joint, Metric, Msprt, Prior, QuantileSample, Shape, Side, cuped, dkw_epsilon,
    effect, effect_of_quantiles, half_width, posterior, rho, sequential, srm_p, t_test,
};

const GBSTATS: &str = include_str!("../../tests/vectors/gbstats_cases.json");
const ANYTIME: &str = include_str!("../../tests/vectors/anytime_valid_and_cuped.json");

fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some("inf") => f64::INFINITY,
        Some("-inf") => f64::NEG_INFINITY,
        _ => value.as_f64().unwrap_or_else(|| panic!("no number: {value}")),
    }
}

#[track_caller]
fn close(found: f64, expected: f64, within: f64, what: &str) {
    let near = found == expected || (found - expected).abs() <= within * expected.abs().max(1e-12);
    assert!(near, "{what}: {found} for {expected}");
}

/// Sums by the names of gbstats: the number's own sum and squares, and products with the ones after it.
fn joint(stat: &Value) -> Joint {
    let n = stat["n"].as_u64().unwrap();
    let numbers: [&Value; 4] = match stat["_type"].as_str().unwrap() {
        "RegressionAdjustedStatistic" => {
            [&stat["post_statistic"], &Value::Null, &stat["pre_statistic"], &Value::Null]
        }
        "RegressionAdjustedRatioStatistic" => [
            &stat["m_statistic_post"],
            &stat["d_statistic_post"],
            &stat["m_statistic_pre"],
            &stat["d_statistic_pre"],
        ],
        _ => [stat, &Value::Null, &Value::Null, &Value::Null],
    };
    let mut joint = Joint { n, ..Joint::default() };
    for (at, number) in numbers.into_iter().enumerate() {
        joint.sums[at] = number["sum"].as_f64().unwrap_or(0.0);
        joint.products[at][at] = number["sum_squares"].as_f64().unwrap_or(joint.sums[at]);
    }
    let products = [
        (0, 2, "post_pre_sum_of_products"),
        (0, 2, "m_post_m_pre_sum_of_products"),
        (1, 3, "d_post_d_pre_sum_of_products"),
        (2, 3, "m_pre_d_pre_sum_of_products"),
        (0, 1, "m_post_d_post_sum_of_products"),
        (0, 3, "m_post_d_pre_sum_of_products"),
        (1, 2, "m_pre_d_post_sum_of_products"),
    ];
    for (a, b, name) in products {
        if let Some(product) = stat[name].as_f64() {
            (joint.products[a][b], joint.products[b][a]) = (product, product);
        }
    }
    joint
}

fn quantile(stat: &Value) -> QuantileSample {
    let float = |name: &str| stat[name].as_f64().unwrap();
    QuantileSample {
        n: stat["n"].as_u64().unwrap(),
        n_star: stat["n_star"].as_u64().unwrap(),
        quantile: float("nu"),
        estimate: float("quantile_hat"),
        lower: float("quantile_lower"),
        upper: float("quantile_upper"),
    }
}

fn compared(pair: &Value, relative: bool) -> Option<Effect> {
    let kind = pair[0]["_type"].as_str().unwrap();
    if kind == "QuantileStatistic" {
        return effect_of_quantiles(&quantile(&pair[0]), &quantile(&pair[1]), relative).ok();
    }
    let shape = match kind {
        "ProportionStatistic" => Shape::Proportion,
        "RegressionAdjustedRatioStatistic" => Shape::Ratio,
        _ => Shape::Mean,
    };
    let metric = Metric { shape, cuped: kind.starts_with("Regression"), relative };
    effect(&joint(&pair[0]), &joint(&pair[1]), metric).ok()
}

#[test]
fn every_case_of_gbstats_is_reproduced_to_nine_digits() {
    let cases: Value = serde_json::from_str(GBSTATS).unwrap();
    let cases = cases["cases"].as_array().unwrap();
    assert!(cases.len() >= 20);
    for case in cases {
        let name = format!("{} {}", case["test"], case["unittest"]);
        let config = [&case["config"][0], &case["config"]["config"]].into_iter().find(|c| !c.is_null());
        let config = config.unwrap_or(&Value::Null);
        let relative = config["difference_type"] != "absolute";
        let result = &case["result"];
        let Some(found) = compared(&case["stats_pairs_ab"][0], relative) else {
            assert!(result["errorMessage"].is_string(), "{name}: nothing to say, and gbstats says {result}");
            continue;
        };
        assert!(result["errorMessage"].is_null(), "{name}: {found:?} where gbstats says {result}");
        let samples = config["sequential_tuning_parameter"].as_f64().unwrap_or(5_000.0);
        let (low, high, mean, deviation) = match case["test"].as_str().unwrap() {
            "EffectBayesianABTest" => {
                let prior = &config["prior_effect"];
                let scale = if relative { 1.0 } else { found.baseline.abs() };
                let prior = (prior["proper"] == true).then(|| Prior {
                    mean: prior["mean"].as_f64().unwrap() * scale,
                    variance: prior["variance"].as_f64().unwrap() * scale * scale,
                });
                let seen = posterior(&found, prior, 0.05).unwrap();
                close(seen.chance, number(&result["chanceToWin"]), 1e-9, &name);
                close(seen.risk_of_first, number(&result["risk"][0]), 1e-9, &name);
                // The tail far out, of which scipy itself keeps four digits.
                close(seen.risk_of_second, number(&result["risk"][1]), 1e-4, &name);
                (seen.low, seen.high, seen.mean, seen.deviation)
            }
            test => {
                let side = match test {
                    test if test.contains("Greater") => Side::Greater,
                    test if test.contains("Lesser") => Side::Less,
                    _ => Side::Both,
                };
                let test = match test.starts_with("Sequential") {
                    true => sequential(&found, side, 0.05, samples).unwrap(),
                    false => t_test(&found, side, 0.05).unwrap(),
                };
                close(test.p, number(&result["pValue"]), 1e-9, &name);
                (test.low, test.high, found.difference, found.variance.sqrt())
            }
        };
        close(mean, number(&result["uplift"]["mean"]), 1e-9, &name);
        close(deviation, number(&result["uplift"]["stddev"]), 1e-9, &name);
        close(low, number(&result["ci"][0]), 1e-9, &name);
        close(high, number(&result["ci"][1]), 1e-9, &name);
    }
}

#[test]
fn arms_of_the_wrong_size_are_as_surprising_as_gbstats_finds_them() {
    let cases: Value = serde_json::from_str(GBSTATS).unwrap();
    for case in cases["srm"].as_array().unwrap() {
        let users: Vec<u64> = serde_json::from_value(case["users"].clone()).unwrap();
        let weights: Vec<f64> = serde_json::from_value(case["weights"].clone()).unwrap();
        close(srm_p(&users, &weights).unwrap(), number(&case["p"]), 1e-9, &case.to_string());
    }
}

#[test]
fn the_published_formulas_give_the_published_numbers() {
    let cases: Value = serde_json::from_str(ANYTIME).unwrap();
    let list = |name: &str| cases[name]["cases"].as_array().unwrap().clone();
    let mut process: Option<(Value, CountProcess)> = None;
    for case in list("multinomial_srm_eprocess") {
        let shares: Vec<f64> = serde_json::from_value(case["theta0"].clone()).unwrap();
        let same = serde_json::json!([case["theta0"], case["k"]]);
        let fresh = process.as_ref().is_none_or(|(of, _)| *of != same);
        if fresh {
            process = Some((same, CountProcess::new(&shares, number(&case["k"])).unwrap()));
        }
        let counts: Vec<u64> = serde_json::from_value(case["counts"].clone()).unwrap();
        let (_, process) = process.as_mut().unwrap();
        close(process.log_evidence(&counts), number(&case["log_e"]), 1e-9, &case.to_string());
        close(process.look(&counts), number(&case["p_running_min"]), 1e-9, &case.to_string());
    }
    for case in list("dkw_time_uniform") {
        let found = dkw_epsilon(case["t"].as_u64().unwrap(), number(&case["alpha"])).unwrap();
        close(found, number(&case["eps"]), 1e-12, &case.to_string());
    }
    for case in list("normal_mixture_cs") {
        let alpha = number(&case["alpha"]);
        let scale = rho(alpha, number(&case["Nstar"]));
        close(scale, number(&case["rho"]), 1e-12, &case.to_string());
        let width = half_width(number(&case["n"]), number(&case["s2"]), alpha, scale);
        close(width, number(&case["halfwidth"]), 1e-12, &case.to_string());
    }
    for case in cases["msprt"]["cases"].as_array().unwrap() {
        let mut test = Msprt::new(number(&case["tau2"])).unwrap();
        let (n, d, v) = (number(&case["n"]), number(&case["d"]), number(&case["V"]));
        close(test.log_ratio(n, d, v), number(&case["lnL"]), 1e-9, &case.to_string());
        close(test.look(n, d, v), number(&case["p"]), 1e-9, &case.to_string());
    }
}

#[test]
fn cuped_takes_off_what_was_foretold() {
    let cases: Value = serde_json::from_str(ANYTIME).unwrap();
    let case = &cases["cuped"];
    let (x, y): (Vec<f64>, Vec<f64>) = (
        serde_json::from_value(case["x"].clone()).unwrap(),
        serde_json::from_value(case["y"].clone()).unwrap(),
    );
    let split = usize::try_from(case["arm_split"].as_u64().unwrap()).unwrap();
    let (adjusted, theta) = cuped(&y, &x).unwrap();
    close(theta, number(&case["theta"]), 1e-9, "theta");
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let difference = |values: &[f64]| mean(&values[split..]) - mean(&values[..split]);
    let (raw, adj) = (number(&case["diff_raw"]), number(&case["diff_adj"]));
    close(difference(&y).abs(), raw.abs(), 1e-9, "raw");
    close(difference(&adjusted).abs(), adj.abs(), 1e-9, "adjusted");
    let variance = |values: &[f64]| {
        let m = mean(values);
        values.iter().map(|v| (v - m).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)
    };
    close(1.0 - variance(&adjusted) / variance(&y), number(&case["var_reduction"]), 1e-6, "variance");
}
