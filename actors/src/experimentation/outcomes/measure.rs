//! The measurement of one metric in one variation, against the first variation.

use troupe_statistics::analysis::{
    AnalysisError, Contrast, Effect, Joint, SAMPLES_TUNED_FOR, Shape, Side, dkw_epsilon, posterior,
    sequential, t_test,
};

use super::messages::Measured;
use super::sums::{Arm, Sums, Values};
use crate::experimentation::experiments::{Aggregation, Direction, Method, MetricSpec, Plan};

/// Members that each arm needs before a sequential look may decide: the confidence sequence assumes nearly normal
/// means, which smaller arms do not have.
pub(super) const MEMBERS_LEAST: u64 = 50;

/// The published figures of a measurement, and the figures that decide.
pub(super) struct Measurement {
    pub(super) shown: Measured,
    /// The absolute difference; positive if it is an improvement.
    pub(super) good: f64,
    /// State of a guardrail: `better` if it certainly holds, `worse` if it is certainly broken, else `open`.
    pub(super) guarded: &'static str,
}

impl Measurement {
    fn nothing(n: u64, why: String) -> Self {
        Self { shown: Measured { n, why, ..Measured::default() }, good: 0.0, guarded: "open" }
    }

    /// All members of both variations have the same value: the difference is 0 and has no interval.
    fn alike(n: u64, value: f64) -> Self {
        let mut found = Self::nothing(n, format!("all members of both variations have {value}"));
        (found.shown.value, found.shown.baseline) = (Some(value), Some(value));
        found.shown.difference = Some(0.0);
        found
    }
}

/// An arm's sums in the form of the analysis.
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

/// Measures the metric at this position.
pub(super) fn measure(
    first: Option<&Arm>,
    second: Option<&Arm>,
    place: usize,
    metric: &MetricSpec,
    plan: &Plan,
) -> Measurement {
    if let Some(q) = metric.quantile {
        return of_quantile(first, second, place, q, metric, plan);
    }
    let (a, b) = (joint(first, place), joint(second, place));
    let least = a.n.min(b.n);
    if plan.method == Method::Sequential && least < MEMBERS_LEAST {
        let why = format!("an arm has {least} members: looks decide from {MEMBERS_LEAST} members on");
        return Measurement::nothing(b.n, why);
    }
    of_members(&a, &b, metric, plan).unwrap_or_else(|error| match error {
        AnalysisError::Alike { value } => Measurement::alike(b.n, value),
        error => Measurement::nothing(b.n, error.to_string()),
    })
}

/// A method's result for a difference: p-value, interval, and half its width in standard deviations.
struct Reading {
    p: f64,
    interval: (f64, f64),
    reach: f64,
}

fn reading(seen: &Effect, metric: &MetricSpec, plan: &Plan) -> Result<Reading, AnalysisError> {
    let alpha = plan.alpha();
    let (p, low, high) = match plan.method {
        Method::Sequential => {
            let test = sequential(seen, Side::Both, alpha, SAMPLES_TUNED_FOR)?;
            (test.p, test.low, test.high)
        }
        Method::Fixed => {
            let test = t_test(seen, Side::Both, alpha)?;
            (test.p, test.low, test.high)
        }
        Method::Bayesian => {
            let said = posterior(seen, None, alpha)?;
            let better = if metric.good == Direction::Up { said.chance } else { 1.0 - said.chance };
            (1.0 - better, said.low, said.high)
        }
    };
    Ok(Reading { p, interval: (low, high), reach: (high - low) / 2.0 / seen.variance.sqrt() })
}

/// Measures totals of members. The absolute difference decides, because its distribution is known; the relative
/// interval is derived from it.
fn of_members(a: &Joint, b: &Joint, metric: &MetricSpec, plan: &Plan) -> Result<Measurement, AnalysisError> {
    let shape = match (&metric.per, metric.of) {
        (Some(_), _) => Shape::Ratio,
        (None, Aggregation::Any) if !metric.cuped => Shape::Proportion,
        (None, _) => Shape::Mean,
    };
    let cuped = metric.cuped && metric.per.is_none();
    let contrast = Contrast::of(a, b, shape, cuped, plan.method == Method::Sequential)?;
    let seen = contrast.beyond(0.0);
    let Reading { p, interval: absolute, reach } = reading(&seen, metric, plan)?;
    // The improvement of the second arm, plus the allowed margin.
    let sign = if metric.good == Direction::Up { 1.0 } else { -1.0 };
    let allowed = contrast.beyond(-sign * metric.margin * seen.baseline.signum());
    let (better, width) = (sign * allowed.difference, reach * allowed.variance.sqrt());
    let guarded = guardrail_state((better - width, better + width));
    let effect = contrast.relative();
    let interval = contrast.ratios(reach);
    let why = match interval {
        Some(_) => String::new(),
        None => "the first variation does not differ significantly from 0, so no relative effect exists"
            .to_owned(),
    };
    let shown = Measured {
        n: b.n,
        value: Some(seen.value),
        baseline: Some(seen.baseline),
        difference: Some(seen.difference),
        difference_interval: Some(absolute),
        effect,
        interval,
        p: Some(p),
        why,
        ..Measured::default()
    };
    Ok(Measurement { shown, good: sign * seen.difference, guarded })
}

/// `worse` if the whole interval is beyond the margin, `better` if the whole interval is inside it.
fn guardrail_state((worst, best): (f64, f64)) -> &'static str {
    match () {
        () if best < 0.0 => "worse",
        () if worst > 0.0 => "better",
        () => "open",
    }
}

/// Measures a quantile. Quantiles differ if their bands do not overlap; each band takes half of alpha and is valid at
/// all times. The p-value is the smallest alpha at which the bands are apart, with a relative error of 1 %.
fn of_quantile(
    a: Option<&Arm>,
    b: Option<&Arm>,
    place: usize,
    q: f64,
    metric: &MetricSpec,
    plan: &Plan,
) -> Measurement {
    let empty = Values::default();
    let values = |arm: Option<&'_ Arm>| arm.and_then(|arm| arm.values.get(place)).unwrap_or(&empty).clone();
    let (a, b) = (values(a), values(b));
    let (Some(baseline), Some(value)) = (a.quantile(q), b.quantile(q)) else {
        return Measurement::nothing(b.count, "no member of an arm has a value yet".to_owned());
    };
    let band = |values: &Values, alpha: f64| {
        let epsilon = dkw_epsilon(values.count, alpha / 2.0).unwrap_or(1.0);
        Some((values.quantile(q - epsilon)?, values.quantile(q + epsilon)?))
    };
    let bands = |alpha: f64| band(&a, alpha).zip(band(&b, alpha));
    let differs = |alpha: f64| bands(alpha).is_some_and(|(a, b)| b.0 > a.1 || b.1 < a.0);
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
    let sign = if metric.good == Direction::Up { 1.0 } else { -1.0 };
    let finite = |band: &(f64, f64)| band.0.is_finite() && band.1.is_finite();
    let known = bands(plan.alpha()).filter(|(a, b)| finite(a) && finite(b));
    let guarded = known.map_or("open", |(a, b)| {
        // The worst allowed value of the second arm, as a multiple of the first.
        let times = 1.0 - sign * metric.margin * baseline.signum();
        let (low, high) = (b.0 - times * a.1, b.1 - times * a.0);
        guardrail_state(if metric.good == Direction::Up { (low, high) } else { (-high, -low) })
    });
    let why = match known {
        Some(_) => String::new(),
        None => "too few values for this quantile".to_owned(),
    };
    let shown = Measured {
        n: b.count,
        value: Some(value),
        baseline: Some(baseline),
        difference: Some(value - baseline),
        difference_interval: known.map(|(a, b)| (b.0 - a.1, b.1 - a.0)),
        effect: (baseline != 0.0).then(|| (value - baseline) / baseline.abs()),
        interval: known.and_then(|(a, b)| ratios(a, b)),
        p: Some(p),
        why,
        ..Measured::default()
    };
    Measurement { shown, good: sign * (value - baseline), guarded }
}

/// The interval of the second band above the first, relative to the first's absolute value; `None` if the first band
/// contains 0.
fn ratios(first: (f64, f64), second: (f64, f64)) -> Option<(f64, f64)> {
    let (least, most, own) = match first {
        (low, high) if low > 0.0 => (low, high, 1.0),
        (low, high) if high < 0.0 => (-high, -low, -1.0),
        _ => return None,
    };
    let low = second.0 / if second.0 >= 0.0 { most } else { least } - own;
    let high = second.1 / if second.1 >= 0.0 { least } else { most } - own;
    Some((low, high))
}
