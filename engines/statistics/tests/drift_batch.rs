//! The batch tests against scipy's numbers.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its numbers is to fail")]

use serde_json::Value;
use troupe_statistics::drift::batch::{
    KsMethod, chi_square_quantile, kolmogorov_tail, ks_two_sample, mann_whitney, wasserstein,
};

const MORE: &str = include_str!("../../../tests/vectors/drift_more_scipy.json");

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

#[track_caller]
fn assert_near(got: f64, want: &Value, tolerance: f64, what: &str) {
    let want = want.as_f64().unwrap();
    assert!((got - want).abs() <= tolerance * want.abs(), "{what}: {got} is not {want}");
}

#[test]
fn the_kolmogorov_tail_is_that_of_scipy_in_every_region() {
    let v = json(MORE);
    for case in v["kstwo_sf"].as_array().unwrap() {
        let (n, d, want) =
            (case["n"].as_u64().unwrap(), case["d"].as_f64().unwrap(), case["sf"].as_f64().unwrap());
        let got = kolmogorov_tail(n, d);
        assert!((got - want).abs() <= 1e-9 * want + 1e-13, "n {n} d {d}: {got} is not {want}");
    }
}

#[test]
fn chi_square_quantiles_are_those_of_scipy() {
    let v = json(MORE);
    for case in v["chi2_isf"].as_array().unwrap() {
        let (p, dof) = (case["p"].as_f64().unwrap(), case["dof"].as_f64().unwrap());
        assert_near(chi_square_quantile(p, dof).unwrap(), &case["x"], 1e-11, &format!("p {p} dof {dof}"));
    }
}

#[test]
fn tests_on_samples_with_ties_are_those_of_scipy() {
    let v = json(MORE);
    for case in v["two_samples"].as_array().unwrap() {
        let (a, b) = (numbers(&case["a"]), numbers(&case["b"]));
        let what = format!("{} against {}", a.len(), b.len());
        let exact = ks_two_sample(&a, &b, KsMethod::Exact).unwrap();
        assert!((exact.statistic - case["d"].as_f64().unwrap()).abs() < 1e-13, "{what}");
        assert_near(exact.p_value, &case["p"], 1e-10, &what);
        if a.len() > 1 {
            // Of one against one scipy rounds the size to 0 and divides by it.
            let asymptotic = ks_two_sample(&a, &b, KsMethod::Asymptotic).unwrap();
            assert_near(asymptotic.p_value, &case["p_asymp"], 1e-9, &what);
        }
        assert!((wasserstein(&a, &b).unwrap() - case["w"].as_f64().unwrap()).abs() < 1e-12, "{what}");
        let ranks = mann_whitney(&a, &b).unwrap();
        assert_eq!(Some(ranks.u), case["u"].as_f64(), "{what}");
        if let Some(want) = case["u_p"].as_f64() {
            assert!((ranks.p_value - want).abs() <= 1e-10 * want, "{what}: {} is not {want}", ranks.p_value);
        }
    }
}
