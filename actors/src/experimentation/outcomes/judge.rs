//! One look: from sums to verdicts.

use troupe_runtime::Timestamp;
use troupe_statistics::analysis;
use troupe_statistics::analysis::{CountProcess, adjusted, srm_p};

use super::measure::{Measurement, measure};
use super::messages::{LookView, Measured};
use super::sums::Arm;
use crate::experimentation::experiments::{Correction, ExperimentSpec, Method, MetricSpec, Plan};

/// p-value of the arms' sizes below which a sample ratio mismatch overrides every other verdict: the threshold of
/// Kohavi and of GrowthBook.
const IMBALANCE_P: f64 = 0.001;
/// Prior weight of the intended shares, in members.
const CONCENTRATION: f64 = 100.0;
/// The probability at which the Bayesian method decides.
const CHANCE: f64 = 0.95;

/// Judges every metric in every variation against the first.
pub(super) fn judge(
    spec: &ExperimentSpec,
    plan: &Plan,
    arms: &[Arm],
    runs: bool,
    now: Timestamp,
) -> LookView {
    let arm = |name: &str| arms.iter().find(|arm| arm.variation == name);
    let members: Vec<u64> =
        spec.variations.iter().map(|variation| arm(&variation.name).map_or(0, |arm| arm.members)).collect();
    let imbalance_p = imbalance(spec, plan.method, &members);
    let mut found = Vec::new();
    let first = spec.variations.first().and_then(|variation| arm(&variation.name));
    for (place, metric) in plan.metrics.iter().enumerate() {
        for variation in spec.variations.iter().skip(1) {
            let mut one = measure(first, arm(&variation.name), place, metric, plan);
            (one.shown.metric, one.shown.variation) = (metric.name.clone(), variation.name.clone());
            found.push((metric, one));
        }
    }
    correct(&mut found, plan);
    let judged = |(metric, one): (&MetricSpec, Measurement)| {
        let verdict = verdict(&one, metric, plan).to_owned();
        Measured { verdict, ..one.shown }
    };
    let measured: Vec<Measured> = found.into_iter().map(judged).collect();
    let (verdict, words) = whole(plan, &measured, imbalance_p, runs);
    LookView { at: now, members, imbalance_p, measured, verdict: verdict.to_owned(), words }
}

/// The p-value of the arms' sizes. Under the sequential method it is valid at every look. It uses the evidence of the
/// current counts only: a running minimum would need the looks that were thinned out. Without it the gate is only
/// slower.
fn imbalance(spec: &ExperimentSpec, method: Method, members: &[u64]) -> Option<f64> {
    #[allow(clippy::cast_precision_loss, reason = "a handful of variations")]
    let equal = vec![1.0 / spec.variations.len() as f64; spec.variations.len()];
    let weights = spec.weights.as_deref().unwrap_or(&equal);
    if members.iter().sum::<u64>() == 0 {
        return None;
    }
    if method == Method::Fixed {
        return srm_p(members, weights).ok();
    }
    let (weights, members): (Vec<f64>, Vec<u64>) =
        weights.iter().zip(members).filter(|(weight, _)| **weight > 0.0).map(|(w, n)| (*w, *n)).unzip();
    let process = CountProcess::new(&weights, CONCENTRATION).ok()?;
    Some((-process.log_evidence(&members)).exp().min(1.0))
}

/// Corrects the p-values for multiple tests. Guardrails keep their own p-values, so that harm is seen. Probabilities
/// of the Bayesian method are not p-values and stay as they are, as in GrowthBook.
fn correct(found: &mut [(&MetricSpec, Measurement)], plan: &Plan) {
    let correction = match plan.correction {
        _ if plan.method == Method::Bayesian => return,
        Correction::None => return,
        Correction::Holm => analysis::Correction::Holm,
        Correction::BenjaminiHochberg => analysis::Correction::BenjaminiHochberg,
    };
    let tested = found.iter_mut().filter(|(metric, one)| one.shown.p.is_some() && !metric.guardrail);
    let mut tested: Vec<&mut Measured> = tested.map(|(_, one)| &mut one.shown).collect();
    let p: Vec<f64> = tested.iter().filter_map(|one| one.p).collect();
    for (one, p) in tested.iter_mut().zip(adjusted(&p, correction)) {
        one.p = Some(p);
    }
}

fn verdict(one: &Measurement, metric: &MetricSpec, plan: &Plan) -> &'static str {
    let Some(p) = one.shown.p else { return if one.shown.value.is_some() { "open" } else { "no_data" } };
    if metric.guardrail {
        return one.guarded;
    }
    if plan.method == Method::Bayesian && metric.quantile.is_none() {
        return match 1.0 - p {
            chance if chance >= CHANCE => "better",
            chance if chance <= 1.0 - CHANCE => "worse",
            _ => "open",
        };
    }
    match p <= plan.alpha() {
        true if one.good > 0.0 => "better",
        true => "worse",
        false => "open",
    }
}

fn whole(plan: &Plan, measured: &[Measured], imbalance_p: Option<f64>, runs: bool) -> (&'static str, String) {
    if let Some(p) = imbalance_p.filter(|p| *p < IMBALANCE_P) {
        let words = format!(
            "sample ratio mismatch: arms of this size have p {p:.1e} under these weights; look for lost exposures"
        );
        return ("imbalance", words);
    }
    let guards =
        |one: &Measured| plan.metrics.iter().any(|metric| metric.guardrail && metric.name == one.metric);
    let said = |one: &Measured| {
        let subject = format!("{} in {}", one.metric, one.variation);
        match (one.effect.zip(one.interval), one.difference.zip(one.difference_interval)) {
            (Some((effect, (low, high))), _) => {
                format!("{subject}: {effect:+.4} in {low:+.4} to {high:+.4}")
            }
            (None, Some((difference, (low, high)))) => {
                format!("{subject}: a difference of {difference:+.4} in {low:+.4} to {high:+.4}")
            }
            (None, None) => subject,
        }
    };
    // A fixed horizon allows one look, at the end. Earlier looks are shown and decide nothing.
    if plan.method == Method::Fixed && runs {
        return ("open", "a fixed-horizon test decides once the experiment is stopped".to_owned());
    }
    if let Some(harm) = measured.iter().find(|one| guards(one) && one.verdict == "worse") {
        return ("harm", format!("a guardrail is broken: {}", said(harm)));
    }
    let mut tested = measured.iter().filter(|one| !guards(one));
    if let Some(better) = tested.clone().find(|one| one.verdict == "better") {
        return ("winner", said(better));
    }
    if let Some(worse) = tested.clone().find(|one| one.verdict == "worse") {
        return ("loser", said(worse));
    }
    if !measured.is_empty() && tested.all(|one| one.verdict == "no_data") {
        let why = measured.iter().map(|one| one.why.as_str()).find(|why| !why.is_empty());
        return ("no_data", why.unwrap_or("no data to judge yet").to_owned());
    }
    ("open", "no decision yet".to_owned())
}
