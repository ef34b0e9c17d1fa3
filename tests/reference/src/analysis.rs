//! gbstats' cases, and the numbers of published formulas.

use serde_json::Value;

use super::compare::{list, near, number, numbers, read, text, within};
use super::tally::{Held, Tally};
use troupe_statistics::analysis::{
    AnalysisError, Correction, CountProcess, Effect, Joint, Metric, Msprt, Prior, QuantileSample, Shape,
    Side, adjusted, cuped, dkw_epsilon, effect, effect_of_quantiles, half_width, posterior, rho, sequential,
    srm_p, t_test,
};

const ALPHA: f64 = 0.05;
const SAMPLES: f64 = 5_000.0;

fn said(error: AnalysisError) -> String {
    error.to_string()
}

/// Sums by the names of gbstats: the number's own sum and squares, and products with the ones after it.
fn joint(stat: &Value) -> Result<Joint, String> {
    let numbers: [&Value; 4] = match text(stat, "_type")? {
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
    let mut joint = Joint { n: read(&stat["n"])?, ..Joint::default() };
    for (at, number) in numbers.into_iter().enumerate() {
        joint.sums[at] = number["sum"].as_f64().unwrap_or(0.0);
        joint.products[at][at] = number["sum_squares"].as_f64().unwrap_or(joint.sums[at]);
    }
    for (a, b, name) in [
        (0, 2, "post_pre_sum_of_products"),
        (0, 2, "m_post_m_pre_sum_of_products"),
        (1, 3, "d_post_d_pre_sum_of_products"),
        (2, 3, "m_pre_d_pre_sum_of_products"),
        (0, 1, "m_post_d_post_sum_of_products"),
        (0, 3, "m_post_d_pre_sum_of_products"),
        (1, 2, "m_pre_d_post_sum_of_products"),
    ] {
        if let Some(product) = stat[name].as_f64() {
            (joint.products[a][b], joint.products[b][a]) = (product, product);
        }
    }
    Ok(joint)
}

fn quantile(stat: &Value) -> Result<QuantileSample, String> {
    Ok(QuantileSample {
        n: read(&stat["n"])?,
        n_star: read(&stat["n_star"])?,
        quantile: number(&stat["nu"])?,
        estimate: number(&stat["quantile_hat"])?,
        lower: number(&stat["quantile_lower"])?,
        upper: number(&stat["quantile_upper"])?,
    })
}

/// The effect, or that gbstats is right to say nothing.
fn compared(pair: &Value, relative: bool) -> Result<Option<Effect>, String> {
    let kind = text(&pair[0], "_type")?;
    if kind == "QuantileStatistic" {
        return Ok(effect_of_quantiles(&quantile(&pair[0])?, &quantile(&pair[1])?, relative).ok());
    }
    let shape = match kind {
        "ProportionStatistic" => Shape::Proportion,
        "RegressionAdjustedRatioStatistic" => Shape::Ratio,
        _ => Shape::Mean,
    };
    let metric = Metric { shape, cuped: kind.starts_with("Regression"), relative };
    Ok(effect(&joint(&pair[0])?, &joint(&pair[1])?, metric).ok())
}

fn case(case: &Value) -> Held {
    let config = if case["config"][0].is_null() { &case["config"]["config"] } else { &case["config"][0] };
    let relative = config["difference_type"] != "absolute";
    let result = &case["result"];
    let Some(found) = compared(&case["stats_pairs_ab"][0], relative)? else {
        let silent = result["errorMessage"].is_string();
        return if silent { Ok(()) } else { Err(format!("nothing to say, where gbstats says {result}")) };
    };
    if !result["errorMessage"].is_null() {
        return Err(format!("{found:?}, where gbstats says {result}"));
    }
    let (low, high, mean, deviation) = match text(case, "test")? {
        "EffectBayesianABTest" => bayesian(&found, config, relative, result)?,
        test => {
            let side = match test {
                test if test.contains("Greater") => Side::Greater,
                test if test.contains("Lesser") => Side::Less,
                _ => Side::Both,
            };
            let samples = config["sequential_tuning_parameter"].as_f64().unwrap_or(SAMPLES);
            let tested = match test.starts_with("Sequential") {
                true => sequential(&found, side, ALPHA, samples),
                false => t_test(&found, side, ALPHA),
            };
            let tested = tested.map_err(said)?;
            near("p", tested.p, number(&result["pValue"])?, 1e-9)?;
            (tested.low, tested.high, found.difference, found.variance.sqrt())
        }
    };
    near("mean", mean, number(&result["uplift"]["mean"])?, 1e-9)?;
    near("deviation", deviation, number(&result["uplift"]["stddev"])?, 1e-9)?;
    near("low", low, number(&result["ci"][0])?, 1e-9)?;
    near("high", high, number(&result["ci"][1])?, 1e-9)
}

fn bayesian(
    found: &Effect,
    config: &Value,
    relative: bool,
    result: &Value,
) -> Result<(f64, f64, f64, f64), String> {
    let prior = &config["prior_effect"];
    let scale = if relative { 1.0 } else { found.baseline.abs() };
    let proper = prior["proper"] == true;
    let prior = match proper {
        true => Some(Prior {
            mean: number(&prior["mean"])? * scale,
            variance: number(&prior["variance"])? * scale * scale,
        }),
        false => None,
    };
    let seen = posterior(found, prior, ALPHA).map_err(said)?;
    near("chance", seen.chance, number(&result["chanceToWin"])?, 1e-9)?;
    near("risk", seen.risk_of_first, number(&result["risk"][0])?, 1e-9)?;
    // The tail far out, of which scipy itself keeps four digits.
    near("risk", seen.risk_of_second, number(&result["risk"][1])?, 1e-4)?;
    Ok((seen.low, seen.high, seen.mean, seen.deviation))
}

pub(super) fn gbstats(all: &Value, tally: &mut Tally) -> Held {
    for one in list(all, "cases")? {
        tally.try_case(format!("{} {}", one["test"], one["unittest"]), case(one));
    }
    for one in list(all, "srm")? {
        let p = srm_p(&read::<Vec<u64>>(&one["users"])?, &numbers(&one["weights"])).map_err(said)?;
        tally.try_case("srm", near("p", p, number(&one["p"])?, 1e-9));
    }
    Ok(())
}

pub(super) fn formulas(all: &Value, tally: &mut Tally) -> Held {
    let mut process: Option<(&Value, &Value, CountProcess)> = None;
    for case in list(&all["multinomial_srm_eprocess"], "cases")? {
        let (shares, k) = (&case["theta0"], &case["k"]);
        // Looks at one process follow each other.
        let known = process.take().filter(|(of, at, _)| (*of, *at) == (shares, k));
        let fresh = || CountProcess::new(&numbers(shares), number(k)?).map_err(said);
        let mut own = known.map_or_else(fresh, |(_, _, own)| Ok(own))?;
        let counts: Vec<u64> = read(&case["counts"])?;
        let held = near("log e", own.log_evidence(&counts), number(&case["log_e"])?, 1e-9);
        let p = own.look(&counts);
        tally.try_case("multinomial", held.and(near("p", p, number(&case["p_running_min"])?, 1e-9)));
        process = Some((shares, k, own));
    }
    for case in list(&all["dkw_time_uniform"], "cases")? {
        let found = dkw_epsilon(read(&case["t"])?, number(&case["alpha"])?).map_err(said)?;
        tally.try_case("dkw", near("epsilon", found, number(&case["eps"])?, 1e-12));
    }
    for case in list(&all["normal_mixture_cs"], "cases")? {
        let alpha = number(&case["alpha"])?;
        let scale = rho(alpha, number(&case["Nstar"])?);
        let width = half_width(number(&case["n"])?, number(&case["s2"])?, alpha, scale);
        let held = near("rho", scale, number(&case["rho"])?, 1e-12);
        tally.try_case("sequence", held.and(near("width", width, number(&case["halfwidth"])?, 1e-12)));
    }
    for case in list(&all["msprt"], "cases")? {
        let mut test = Msprt::new(number(&case["tau2"])?).map_err(said)?;
        let (n, d, v) = (number(&case["n"])?, number(&case["d"])?, number(&case["V"])?);
        let held = near("log ratio", test.log_ratio(n, d, v), number(&case["lnL"])?, 1e-9);
        tally.try_case("msprt", held.and(near("p", test.look(n, d, v), number(&case["p"])?, 1e-9)));
    }
    tally.try_case("cuped", cuped_values(&all["cuped"]));
    for (name, correction) in
        [("holm_adjusted", Correction::Holm), ("bh_adjusted", Correction::BenjaminiHochberg)]
    {
        let case = &all["multiple_testing"];
        let found = adjusted(&numbers(&case["p"]), correction);
        let expected = numbers(&case[name]);
        let mut pairs = found.iter().zip(&expected);
        let held = pairs.try_for_each(|(found, expected)| near("p", *found, *expected, 1e-12));
        tally.try_case(name, held.and(within("values", found.len() as f64, expected.len() as f64, 0.0)));
    }
    Ok(())
}

fn cuped_values(case: &Value) -> Held {
    let (x, y) = (numbers(&case["x"]), numbers(&case["y"]));
    let split: usize = read(&case["arm_split"])?;
    let (less, theta) = cuped(&y, &x).map_err(said)?;
    near("theta", theta, number(&case["theta"])?, 1e-9)?;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let difference = |values: &[f64]| (mean(&values[split..]) - mean(&values[..split])).abs();
    near("raw", difference(&y), number(&case["diff_raw"])?.abs(), 1e-9)?;
    near("adjusted", difference(&less), number(&case["diff_adj"])?.abs(), 1e-9)?;
    let variance = |values: &[f64]| {
        let center = mean(values);
        values.iter().map(|value| (value - center).powi(2)).sum::<f64>()
    };
    near("variance", 1.0 - variance(&less) / variance(&y), number(&case["var_reduction"])?, 1e-6)
}
