//! One look: from sums to what may be said.

use troupe_judges::analysis::{
    self, AnalysisError, CountProcess, Joint, Metric, SAMPLES_TUNED_FOR, Shape, Side, adjusted, dkw_epsilon,
    effect, posterior, sequential, srm_p, t_test,
};
use troupe_runtime::Timestamp;

use super::messages::{LookView, Measured};
use super::sums::{Arm, Sums, Values};
use crate::experiments::{Correction, ExperimentSpec, Good, Method, MetricSpec, Of, Plan};

/// Below this, arms of the wrong size stop every other conclusion: Kohavi's and GrowthBook's threshold.
const IMBALANCE_P: f64 = 0.001;
/// How much is put on shares as meant, in members.
const CONCENTRATION: f64 = 100.0;
/// The chance from which on the Bayesian method speaks.
const CHANCE: f64 = 0.95;

/// A member's sums as the analysis takes them.
fn joint(arm: Option<&Arm>, place: usize) -> Joint {
    let none = Sums::default();
    let Some(arm) = arm else { return Joint::default() };
    let sums = arm.sums.get(place).unwrap_or(&none).0;
    let mut joint = Joint { n: arm.members, ..Joint::default() };
    joint.sums = [sums.x, sums.z, sums.y, 0.0];
    joint.products[0] = [sums.xx, sums.xz, sums.xy, 0.0];
    joint.products[1] = [sums.xz, sums.zz, 0.0, 0.0];
    joint.products[2] = [sums.xy, 0.0, sums.yy, 0.0];
    joint
}

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
    let mut measured = Vec::new();
    let first = spec.variations.first().and_then(|variation| arm(&variation.name));
    for (place, metric) in plan.metrics.iter().enumerate() {
        for variation in spec.variations.iter().skip(1) {
            let second = arm(&variation.name);
            let mut one = match metric.quantile {
                Some(q) => of_quantile(first, second, place, q, plan),
                None => of_members(&joint(first, place), &joint(second, place), metric, plan),
            };
            (one.metric, one.variation) = (metric.name.clone(), variation.name.clone());
            measured.push(one);
        }
    }
    correct(&mut measured, plan);
    for one in &mut measured {
        if let Some(metric) = plan.metrics.iter().find(|metric| metric.name == one.metric) {
            one.verdict = verdict(one, metric, plan).to_owned();
        }
    }
    let (verdict, words) = whole(plan, &measured, imbalance_p, runs);
    LookView { at: now, members, imbalance_p, measured, verdict: verdict.to_owned(), words }
}

/// The p-value of the arms' sizes; under the sequential method one that is valid at every look. The process is asked for
/// its evidence now: a running minimum would need the looks that were thinned out, and leaving it out only makes the
/// gate slower.
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

fn nothing(n: u64, error: &AnalysisError) -> Measured {
    Measured { n, why: error.to_string(), ..none() }
}

fn none() -> Measured {
    Measured {
        metric: String::new(),
        variation: String::new(),
        n: 0,
        value: None,
        baseline: None,
        effect: None,
        interval: None,
        p: None,
        verdict: String::new(),
        why: String::new(),
    }
}

fn of_members(a: &Joint, b: &Joint, metric: &MetricSpec, plan: &Plan) -> Measured {
    let shape = match (&metric.per, metric.of) {
        (Some(_), _) => Shape::Ratio,
        (None, Of::Any) if !metric.cuped => Shape::Proportion,
        (None, _) => Shape::Mean,
    };
    let compared = Metric { shape, cuped: metric.cuped && metric.per.is_none(), relative: true };
    let seen = match effect(a, b, compared) {
        Ok(seen) => seen,
        Err(error) => return nothing(b.n, &error),
    };
    let alpha = plan.alpha();
    let said = match plan.method {
        Method::Sequential => sequential(&seen, Side::Both, alpha, SAMPLES_TUNED_FOR)
            .map(|test| (seen.difference, test.low, test.high, test.p)),
        Method::Fixed => {
            t_test(&seen, Side::Both, alpha).map(|test| (seen.difference, test.low, test.high, test.p))
        }
        Method::Bayesian => posterior(&seen, None, alpha).map(|seen| {
            let better = if metric.good == Good::Up { seen.chance } else { 1.0 - seen.chance };
            (seen.mean, seen.low, seen.high, 1.0 - better)
        }),
    };
    match said {
        Ok((effect, low, high, p)) => Measured {
            n: b.n,
            value: Some(seen.value),
            baseline: Some(seen.baseline),
            effect: Some(effect),
            interval: Some((low, high)),
            p: Some(p),
            ..none()
        },
        Err(error) => nothing(b.n, &error),
    }
}

/// Quantiles differ where their bands, each at half of alpha and valid at all times, do. The p-value is the least alpha
/// at which they do, to one part in a hundred.
fn of_quantile(a: Option<&Arm>, b: Option<&Arm>, place: usize, q: f64, plan: &Plan) -> Measured {
    let empty = Values::default();
    let values = |arm: Option<&'_ Arm>| arm.and_then(|arm| arm.values.get(place)).unwrap_or(&empty).clone();
    let (a, b) = (values(a), values(b));
    let least = a.count.min(b.count);
    if least == 0 {
        return nothing(b.count, &AnalysisError::TooFew { arm: "an arm's values", got: 0 });
    }
    let band = |values: &Values, alpha: f64| {
        let epsilon = dkw_epsilon(values.count, alpha / 2.0).unwrap_or(1.0);
        Some((values.quantile(q - epsilon)?, values.quantile(q + epsilon)?))
    };
    let apart = |alpha: f64| {
        let ((a_low, a_high), (b_low, b_high)) = (band(&a, alpha)?, band(&b, alpha)?);
        Some((b_low - a_high, b_high - a_low))
    };
    let differs = |alpha: f64| apart(alpha).is_some_and(|(low, high)| low > 0.0 || high < 0.0);
    let p = if differs(1e-9) {
        1e-9
    } else {
        let (mut low, mut high) = (1e-9_f64, 1.0_f64);
        while high / low > 1.01 {
            let middle = (low * high).sqrt();
            if differs(middle) { high = middle } else { low = middle }
        }
        high
    };
    let (baseline, value) = (a.quantile(q), b.quantile(q));
    let interval = apart(plan.alpha()).filter(|(low, high)| low.is_finite() && high.is_finite());
    let why = if interval.is_some() { String::new() } else { "too few values for this quantile".to_owned() };
    let effect = baseline.zip(value).map(|(a, b)| b - a);
    Measured { n: b.count, value, baseline, effect, interval, p: Some(p), why, ..none() }
}

/// Replaces p-values by those that make up for their number; guardrails keep their own, so that harm is seen.
fn correct(measured: &mut [Measured], plan: &Plan) {
    let correction = match plan.correction {
        Correction::None => return,
        Correction::Holm => analysis::Correction::Holm,
        Correction::BenjaminiHochberg => analysis::Correction::BenjaminiHochberg,
    };
    let guards =
        |one: &Measured| plan.metrics.iter().any(|metric| metric.guardrail && metric.name == one.metric);
    let mut tested: Vec<&mut Measured> =
        measured.iter_mut().filter(|one| one.p.is_some() && !guards(one)).collect();
    let p: Vec<f64> = tested.iter().filter_map(|one| one.p).collect();
    for (one, p) in tested.iter_mut().zip(adjusted(&p, correction)) {
        one.p = Some(p);
    }
}

fn verdict(one: &Measured, metric: &MetricSpec, plan: &Plan) -> &'static str {
    let (Some(effect), Some(p)) = (one.effect, one.p) else { return "no_data" };
    let good = if metric.good == Good::Up { effect } else { -effect };
    if metric.guardrail && metric.quantile.is_none() {
        // Harm is a whole interval beyond the margin; safety a whole interval before it.
        let Some((low, high)) = one.interval else { return "no_data" };
        let (worst, best) = if metric.good == Good::Up { (low, high) } else { (-high, -low) };
        return match () {
            () if best < -metric.margin => "worse",
            () if worst > -metric.margin => "better",
            () => "open",
        };
    }
    if plan.method == Method::Bayesian && metric.quantile.is_none() {
        return match 1.0 - p {
            chance if chance >= CHANCE => "better",
            chance if chance <= 1.0 - CHANCE => "worse",
            _ => "open",
        };
    }
    match p <= plan.alpha() {
        true if good > 0.0 => "better",
        true => "worse",
        false => "open",
    }
}

fn whole(plan: &Plan, measured: &[Measured], imbalance_p: Option<f64>, runs: bool) -> (&'static str, String) {
    if let Some(p) = imbalance_p.filter(|p| *p < IMBALANCE_P) {
        let words =
            format!("arms of this size come from these weights with p {p:.1e}: look for lost exposures");
        return ("imbalance", words);
    }
    let guards =
        |one: &Measured| plan.metrics.iter().any(|metric| metric.guardrail && metric.name == one.metric);
    let said = |one: &Measured| match (one.effect, one.interval) {
        (Some(effect), Some((low, high))) => {
            format!("{} in {}: {effect:+.4} in {low:+.4} to {high:+.4}", one.metric, one.variation)
        }
        _ => format!("{} in {}", one.metric, one.variation),
    };
    // One look at the end: what is seen before is shown, and decides nothing.
    if plan.method == Method::Fixed && runs {
        return (
            "open",
            "a test of fixed horizon decides when the experiment is stopped, not before".to_owned(),
        );
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
        return ("no_data", why.unwrap_or("there is nothing to judge yet").to_owned());
    }
    ("open", "nothing can be said yet".to_owned())
}
