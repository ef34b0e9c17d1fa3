//! Mann and Whitney's test as R's `wilcox.test` computes it, with Kayenta's tolerances.

use super::super::analysis::AnalysisError;

/// How near the root of a step function is found.
const TOLERANCE: f64 = 1e-4;
const ITERATIONS_MAX: u32 = 1_000;
/// What Kayenta takes for the least difference of two numbers near 1.
const EPSILON: f64 = 2.22e-16;

/// How far the first sample lies above the second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
    /// Hodges and Lehmann's estimate.
    pub estimate: f64,
}

/// The standardised statistic of `x - mu` against `y`, less `quantile`, with the correction for continuity. Both sorted.
///
/// One walk over both samples: no pair is formed and nothing is sorted again. `None` where nothing varies.
#[must_use]
pub fn wilcoxon_difference(mu: f64, quantile: f64, x: &[f64], y: &[f64]) -> Option<f64> {
    let (nx, ny) = (x.len() as f64, y.len() as f64);
    let (mut i, mut j) = (0, 0);
    // Of `y` below each of `x`, ties counting half; and the cubes of the tied groups.
    let (mut below, mut ties) = (0.0, 0.0);
    while i < x.len() || j < y.len() {
        let next = match (x.get(i), y.get(j)) {
            (Some(x), Some(y)) => (x - mu).min(*y),
            (Some(x), None) => x - mu,
            (None, Some(y)) => *y,
            (None, None) => break,
        };
        let (from_i, from_j) = (i, j);
        while i < x.len() && x[i] - mu == next {
            i += 1;
        }
        while j < y.len() && y[j] == next {
            j += 1;
        }
        let (tied_x, tied_y) = ((i - from_i) as f64, (j - from_j) as f64);
        below += tied_x * (from_j as f64 + tied_y / 2.0);
        let tied = tied_x + tied_y;
        ties += tied * tied * tied - tied;
        if tied == 0.0 {
            // Not a number: it compares with nothing.
            return None;
        }
    }
    let difference = below - nx * ny / 2.0;
    let n = nx + ny;
    let sigma = (nx * ny / 12.0 * (n + 1.0 - ties / (n * (n - 1.0)))).sqrt();
    if sigma == 0.0 || sigma.is_nan() {
        return None;
    }
    let correction = if difference == 0.0 { 0.0 } else { difference.signum() * 0.5 };
    Some((difference - correction) / sigma - quantile)
}

/// Where the shift of `x` against `y` lies with this confidence. Both samples are sorted here.
///
/// # Errors
/// [`AnalysisError`] for an empty sample or one in which nothing varies.
pub fn mann_whitney(x: &[f64], y: &[f64], confidence: f64) -> Result<Interval, AnalysisError> {
    for (arm, sample) in [("the experiment", x), ("the control", y)] {
        if sample.is_empty() {
            return Err(AnalysisError::TooFew { arm, got: 0 });
        }
        if sample.iter().any(|value| !value.is_finite()) {
            return Err(AnalysisError::NotFinite { field: arm });
        }
    }
    let (mut x, mut y) = (x.to_vec(), y.to_vec());
    x.sort_unstable_by(f64::total_cmp);
    y.sort_unstable_by(f64::total_cmp);
    let z = crate::analysis::normal_quantile((1.0 - confidence) / 2.0);
    let root =
        |quantile: f64| root(quantile, &x, &y).ok_or(AnalysisError::NoVariance { arm: "both samples" });
    Ok(Interval { low: root(-z)?, high: root(z)?, estimate: root(0.0)? })
}

fn root(quantile: f64, x: &[f64], y: &[f64]) -> Option<f64> {
    let (low, high) = (x[0] - y[y.len() - 1], x[x.len() - 1] - y[0]);
    let f = |mu: f64| wilcoxon_difference(mu, quantile, x, y);
    let (at_low, at_high) = (f(low)?, f(high)?);
    if at_low <= 0.0 {
        return Some(low);
    }
    if at_high >= 0.0 {
        return Some(high);
    }
    zeroin(low, high, at_low, at_high, f)
}

/// Brent's root as R's `zeroin2` finds it, step for step: the test is a step function, and another way to its root would
/// end elsewhere on the step.
fn zeroin(mut a: f64, mut b: f64, mut fa: f64, mut fb: f64, f: impl Fn(f64) -> Option<f64>) -> Option<f64> {
    let (mut c, mut fc) = (a, fa);
    if fa == 0.0 {
        return Some(a);
    }
    if fb == 0.0 {
        return Some(b);
    }
    for _ in 0..=ITERATIONS_MAX {
        let previous = b - a;
        if fc.abs() < fb.abs() {
            (a, b, c) = (b, c, b);
            (fa, fb, fc) = (fb, fc, fb);
        }
        let tolerance = 2.0 * EPSILON * b.abs() + TOLERANCE / 2.0;
        let mut step = (c - b) / 2.0;
        if step.abs() <= tolerance || fb == 0.0 {
            return Some(b);
        }
        if previous.abs() >= tolerance && fa.abs() > fb.abs() {
            let cb = c - b;
            let (mut p, mut q);
            if a == c {
                let t = fb / fa;
                p = cb * t;
                q = 1.0 - t;
            } else {
                let (s, t1, t2) = (fa / fc, fb / fc, fb / fa);
                p = t2 * (cb * s * (s - t1) - (b - a) * (t1 - 1.0));
                q = (s - 1.0) * (t1 - 1.0) * (t2 - 1.0);
            }
            if p > 0.0 {
                q = -q
            } else {
                p = -p
            }
            if p < 0.75 * cb * q - (tolerance * q).abs() / 2.0 && p < (previous * q / 2.0).abs() {
                step = p / q;
            }
        }
        if step.abs() < tolerance {
            step = if step > 0.0 { tolerance } else { -tolerance };
        }
        (a, fa) = (b, fb);
        b += step;
        fb = f(b)?;
        if (fb > 0.0 && fc > 0.0) || (fb < 0.0 && fc < 0.0) {
            (c, fc) = (a, fa);
        }
    }
    Some(b)
}
