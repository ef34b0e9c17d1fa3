//! scipy's numbers on samples and bins, the indices where river's detectors alarm, and Chronon's bands.

use serde_json::Value;

use super::compare::{list, near, number, numbers, read, same, text};
use super::tally::{Held, Tally};
use troupe_statistics::drift::DriftError;
use troupe_statistics::drift::batch::{
    Bins, Histogram, KsMethod, LogBase, chi_square_table, hellinger, jensen_shannon, ks_two_sample,
    kullback_leibler, mann_whitney, psi, psi_threshold, wasserstein, wasserstein_normed,
};
use troupe_statistics::drift::stream::{Detector, DetectorSpec, Signal};

fn said(error: DriftError) -> String {
    error.to_string()
}

pub(super) fn streams(all: &Value, tally: &mut Tally) -> Held {
    for case in list(all, "cases")? {
        let stream = numbers(&all["streams"][text(case, "stream")?]);
        let name = format!("{} {} on {}", case["detector"], case["params"], case["stream"]);
        tally.try_case(name, alarms(case, &stream));
    }
    Ok(())
}

fn alarms(case: &Value, stream: &[f64]) -> Held {
    let kind = match text(case, "detector")? {
        "ADWIN" => "adwin",
        "PageHinkley" => "page_hinkley",
        "DDM" => "ddm",
        "EDDM" => "eddm",
        "FHDDM" => "fhddm",
        "HDDM_A" => "hddm_a",
        "HDDM_W" => "hddm_w",
        "KSWIN" => "kswin",
        other => return Err(format!("no detector {other}")),
    };
    let mut spec = case["params"].clone();
    spec["kind"] = kind.into();
    let mut detector = read::<DetectorSpec>(&spec)?.build().map_err(said)?;
    let (mut drifts, mut warnings): (Vec<usize>, Vec<usize>) = (vec![], vec![]);
    for (at, x) in stream.iter().enumerate() {
        match detector.observe(*x) {
            Signal::Drift => drifts.push(at),
            Signal::Warning => warnings.push(at),
            Signal::Steady => {}
        }
    }
    same(&drifts, &read(&case["drift"])?)?;
    if case.get("warning").is_some() {
        // River leaves EDDM's warning on while it drifts; here a signal is the worse of the two.
        let mut expected: Vec<usize> = read(&case["warning"])?;
        expected.retain(|at| !drifts.contains(at));
        same(&warnings, &expected)?;
    }
    Ok(())
}

pub(super) fn bands(all: &Value, tally: &mut Tally) -> Held {
    for case in list(all, "cases")? {
        let (a, b) = (numbers(&case["a"]), numbers(&case["b"]));
        let bins = Bins::over(&a, 10).map_err(said)?;
        let before = Histogram::of(bins.clone(), &a);
        let compared = before.compare(&Histogram::of(bins, &b)).map_err(said)?;
        let index = compared.ok_or("nothing to compare")?.psi;
        let (sign, limit) = text(case, "psi")?.split_at(1);
        let limit: f64 = limit.parse().map_err(|_| format!("{limit} is not a number"))?;
        let holds = if sign == "<" { index < limit } else { index > limit };
        tally.try_case(&case["psi"], if holds { Ok(()) } else { Err(format!("found {index}")) });
    }
    Ok(())
}

/// Each number of scipy's is a case.
pub(super) fn batch(all: &Value, tally: &mut Tally) -> Held {
    let (reference, current) = (numbers(&all["ref"]), numbers(&all["cur"]));
    let mut case = |name: &str, found: f64, expected: &Value, share: f64| {
        let held = number(expected).and_then(|expected| near(name, found, expected, share));
        tally.try_case(name, held);
    };
    let ks = ks_two_sample(&reference, &current, KsMethod::Asymptotic).map_err(said)?;
    case("ks D", ks.statistic, &all["ks_asymp"]["D"], 1e-13);
    case("ks p", ks.p_value, &all["ks_asymp"]["p"], 1e-11);
    let (first, second) = (reference.get(..30), current.get(..25));
    let (first, second) = first.zip(second).ok_or("the samples are too short")?;
    let ks = ks_two_sample(first, second, KsMethod::Exact).map_err(said)?;
    case("exact ks D", ks.statistic, &all["ks_exact_first30_25"]["D"], 1e-13);
    case("exact ks p", ks.p_value, &all["ks_exact_first30_25"]["p"], 1e-12);
    case("wasserstein", wasserstein(&reference, &current).map_err(said)?, &all["wasserstein"], 1e-12);
    let normed = wasserstein_normed(&reference, &current).map_err(said)?;
    case("normed wasserstein", normed, &all["wasserstein_norm_by_ref_std"], 1e-12);
    let forward = mann_whitney(&reference, &current).map_err(said)?;
    let backward = mann_whitney(&current, &reference).map_err(said)?;
    let u = &all["mannwhitney"]["U"];
    case("U", if u.as_f64() == Some(backward.u) { backward.u } else { forward.u }, u, 0.0);
    case("p of U", forward.p_value, &all["mannwhitney"]["p"], 1e-10);
    let table: Vec<Vec<f64>> = list(&all["chi2"], "table")?.iter().map(numbers).collect();
    let chi = chi_square_table(&table).map_err(said)?;
    case("chi-square", chi.statistic, &all["chi2"]["stat"], 1e-12);
    case("p of chi-square", chi.p_value, &all["chi2"]["p"], 1e-12);
    let dof = all["chi2"]["dof"].clone();
    tally.try_case("freedom of chi-square", same(&Value::from(chi.dof), &dof));
    bins(all, &reference, &current, tally)
}

#[allow(clippy::cast_precision_loss, reason = "counts of some hundreds")]
fn bins(all: &Value, reference: &[f64], current: &[f64], tally: &mut Tally) -> Held {
    let bins = Bins::over(reference, 10).map_err(said)?;
    let edges = numbers(&all["bin_edges"]);
    let inner = edges.get(1..edges.len().saturating_sub(1)).unwrap_or_default();
    let met = inner.iter().zip(bins.edges()).all(|(a, b)| near("", *b, *a, 1e-12).is_ok());
    tally.try_case(
        "edges",
        if met && inner.len() == bins.edges().len() { Ok(()) } else { Err(format!("{bins:?}")) },
    );
    let (before, after) = (Histogram::of(bins.clone(), reference), Histogram::of(bins, current));
    let shares =
        |of: &Histogram| of.counts().iter().map(|n| *n as f64 / of.total() as f64).collect::<Vec<_>>();
    let (pr, pc) = (shares(&before), shares(&after));
    tally.try_case("shares", same(&(&pr, &pc), &(&numbers(&all["pr"]), &numbers(&all["pc"]))));
    let compared = before.compare(&after).map_err(said)?.ok_or("nothing to compare")?;
    let threshold = psi_threshold(reference.len() as u64, current.len() as u64, 10, 0.01).map_err(said)?;
    let bits = jensen_shannon(&pr, &pc, LogBase::Two).map_err(said)?;
    let nats = jensen_shannon(&pr, &pc, LogBase::E).map_err(said)?;
    for (name, found, again) in [
        ("psi", psi(&pr, &pc).map_err(said)?, compared.psi),
        ("psi_null_p99_threshold", threshold, compared.psi_threshold),
        ("js_distance_base2", bits, compared.jensen_shannon),
        ("js_distance_base_e", nats, nats),
        ("hellinger", hellinger(&pr, &pc).map_err(said)?, compared.hellinger),
        ("kl_cur_ref", kullback_leibler(&pr, &pc).map_err(said)?, compared.kullback_leibler),
    ] {
        let held = number(&all[name]).and_then(|expected| {
            near(name, found, expected, 1e-12).and(near("histograms", again, expected, 1e-12))
        });
        tally.try_case(name, held);
    }
    Ok(())
}
