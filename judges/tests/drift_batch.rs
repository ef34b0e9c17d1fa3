//! The batch tests against scipy's numbers.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its numbers is to fail")]

use serde_json::Value;
use troupe_judges::drift::batch::{
    Bins, Histogram, KsMethod, LogBase, chi_square_quantile, chi_square_table, hellinger, jensen_shannon,
    kolmogorov_tail, ks_two_sample, kullback_leibler, mann_whitney, psi, psi_threshold, wasserstein,
    wasserstein_normed,
};

const SCIPY: &str = include_str!("../../tests/vectors/drift_batch_scipy.json");
const MORE: &str = include_str!("../../tests/vectors/drift_more_scipy.json");
const CHRONON: &str = include_str!("../../tests/vectors/chronon_psi.json");

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
fn every_number_of_scipy_on_one_pair_of_samples_is_met() {
    let v = json(SCIPY);
    let (reference, current) = (numbers(&v["ref"]), numbers(&v["cur"]));
    let ks = ks_two_sample(&reference, &current, KsMethod::Asymptotic).unwrap();
    assert_near(ks.statistic, &v["ks_asymp"]["D"], 1e-13, "D");
    assert_near(ks.p_value, &v["ks_asymp"]["p"], 1e-11, "asymptotic p");
    let ks = ks_two_sample(&reference[..30], &current[..25], KsMethod::Exact).unwrap();
    assert!(ks.exact);
    assert_near(ks.statistic, &v["ks_exact_first30_25"]["D"], 1e-13, "D of the first");
    assert_near(ks.p_value, &v["ks_exact_first30_25"]["p"], 1e-12, "exact p");
    assert_near(wasserstein(&reference, &current).unwrap(), &v["wasserstein"], 1e-12, "wasserstein");
    let normed = wasserstein_normed(&reference, &current).unwrap();
    assert_near(normed, &v["wasserstein_norm_by_ref_std"], 1e-12, "normed wasserstein");
    let forward = mann_whitney(&reference, &current).unwrap();
    let backward = mann_whitney(&current, &reference).unwrap();
    let want = v["mannwhitney"]["U"].as_f64().unwrap();
    assert!(forward.u == want || backward.u == want, "{forward:?} {backward:?}");
    assert_near(forward.p_value, &v["mannwhitney"]["p"], 1e-10, "p of U");
    let table: Vec<Vec<f64>> = v["chi2"]["table"].as_array().unwrap().iter().map(numbers).collect();
    let chi = chi_square_table(&table).unwrap();
    assert_near(chi.statistic, &v["chi2"]["stat"], 1e-12, "chi-square");
    assert_near(chi.p_value, &v["chi2"]["p"], 1e-12, "p of chi-square");
    assert_eq!(Value::from(chi.dof), v["chi2"]["dof"]);
}

#[test]
fn every_number_of_scipy_on_bins_is_met() {
    let v = json(SCIPY);
    let (reference, current) = (numbers(&v["ref"]), numbers(&v["cur"]));
    let bins = Bins::over(&reference, 10).unwrap();
    let edges = v["bin_edges"].as_array().unwrap();
    assert_eq!(edges.len(), bins.edges().len() + 2);
    for (edge, want) in bins.edges().iter().zip(&edges[1..]) {
        assert_near(*edge, want, 1e-12, "edge");
    }
    let before = Histogram::of(bins.clone(), &reference);
    let after = Histogram::of(bins, &current);
    let shares = |h: &Histogram| h.counts().iter().map(|c| *c as f64 / h.total() as f64).collect::<Vec<_>>();
    let (pr, pc) = (shares(&before), shares(&after));
    assert_eq!((&pr, &pc), (&numbers(&v["pr"]), &numbers(&v["pc"])));
    let compared = before.compare(&after).unwrap().unwrap();
    assert_near(psi(&pr, &pc).unwrap(), &v["psi"], 1e-12, "psi");
    assert_near(compared.psi, &v["psi"], 1e-12, "psi of histograms");
    assert_near(psi_threshold(500, 400, 10, 0.01).unwrap(), &v["psi_null_p99_threshold"], 1e-12, "threshold");
    assert_near(compared.psi_threshold, &v["psi_null_p99_threshold"], 1e-12, "threshold of histograms");
    let js2 = jensen_shannon(&pr, &pc, LogBase::Two).unwrap();
    assert_near(js2, &v["js_distance_base2"], 1e-12, "js in bits");
    assert_near(compared.jensen_shannon, &v["js_distance_base2"], 1e-12, "js of histograms");
    let js = jensen_shannon(&pr, &pc, LogBase::E).unwrap();
    assert_near(js, &v["js_distance_base_e"], 1e-12, "js in nats");
    assert_near(hellinger(&pr, &pc).unwrap(), &v["hellinger"], 1e-12, "hellinger");
    assert_near(compared.hellinger, &v["hellinger"], 1e-12, "hellinger of histograms");
    assert_near(kullback_leibler(&pr, &pc).unwrap(), &v["kl_cur_ref"], 1e-12, "kl");
    assert_near(compared.kullback_leibler, &v["kl_cur_ref"], 1e-12, "kl of histograms");
}

#[test]
fn psi_falls_into_the_bands_of_chronon() {
    let v = json(CHRONON);
    let cases = v["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let (a, b) = (numbers(&case["a"]), numbers(&case["b"]));
        let bins = Bins::over(&a, 10).unwrap();
        let index = Histogram::of(bins.clone(), &a).compare(&Histogram::of(bins, &b)).unwrap().unwrap().psi;
        let (sign, limit) = case["psi"].as_str().unwrap().split_at(1);
        let limit: f64 = limit.parse().unwrap();
        let holds = if sign == "<" { index < limit } else { index > limit };
        assert!(holds, "{index} {}", case["psi"]);
    }
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
