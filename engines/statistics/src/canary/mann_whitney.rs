//! Mann and Whitney's test as R's `wilcox.test` computes it, with Kayenta's tolerances.

use super::super::analysis::AnalysisError;
use super::walk::Walk;

/// How near the root of a step function is found.
const TOLERANCE: f64 = 1e-4;
const ITERATIONS_MAX: u32 = 1_000;
/// What Kayenta takes for the least difference of two numbers near 1.
const EPSILON: f64 = 2.22e-16;

/// The estimated shift of the first sample against the second.
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
/// One merge over both samples, without forming pairs and without sorting. `None` without variance.
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
            // NaN compares with no value.
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

/// The confidence interval of the shift of `x` against `y`. Sorts both samples.
///
/// # Errors
/// [`AnalysisError`] for an empty sample or a sample without variance.
pub fn mann_whitney(x: &[f64], y: &[f64], confidence: f64) -> Result<Interval, AnalysisError> {
    mann_whitney_sorted(&sorted(x), &sorted(y), confidence)
}

/// The sample by size, as [`f64::total_cmp`] has it: whole numbers in the same order are sorted for less.
pub(super) fn sorted(sample: &[f64]) -> Vec<f64> {
    let turned = |bits: i64| bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed();
    let mut keys: Vec<i64> = sample.iter().map(|x| turned(x.to_bits().cast_signed())).collect();
    keys.sort_unstable();
    keys.into_iter().map(|key| f64::from_bits(turned(key).cast_unsigned())).collect()
}

/// The same for samples sorted by [`sorted`].
pub(super) fn mann_whitney_sorted(x: &[f64], y: &[f64], confidence: f64) -> Result<Interval, AnalysisError> {
    for (arm, sample) in [("the experiment", x), ("the control", y)] {
        let (Some(first), Some(last)) = (sample.first(), sample.last()) else {
            return Err(AnalysisError::TooFew { arm, got: 0 });
        };
        if !first.is_finite() || !last.is_finite() {
            return Err(AnalysisError::NotFinite { field: arm });
        }
    }
    let z = crate::analysis::normal_quantile((1.0 - confidence) / 2.0);
    let none = AnalysisError::NoVariance { arm: "both samples" };
    let mut walk = Walk::new(x, y);
    let mut root = |quantile: f64| walk.root(quantile).ok_or_else(|| none.clone());
    Ok(Interval { low: root(-z)?, high: root(z)?, estimate: root(0.0)? })
}

/// Brent's root as R's `zeroin2` finds it, step for step: the test is a step function, and another way to its root would
/// end elsewhere on the step.
pub(super) fn zeroin(
    mut a: f64,
    mut b: f64,
    mut fa: f64,
    mut fb: f64,
    mut f: impl FnMut(f64) -> Option<f64>,
) -> Option<f64> {
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

#[cfg(test)]
mod tests {
    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn the_walk_ends_where_the_plain_function_does_with_and_without_ties() {
        for seed in 0..600_u32 {
            let mut random = SmallRng::seed_from_u64(seed.into());
            let steps = [4.0, 16.0, 1e9][seed as usize % 3];
            let mut sample = |shift: f64| {
                let count = random.random_range(1..400);
                let mut values: Vec<f64> =
                    (0..count).map(|_| ((random.random::<f64>() + shift) * steps).floor() / steps).collect();
                values.sort_by(f64::total_cmp);
                values
            };
            let (x, y) = (sample(0.3), sample(0.0));
            let mut walk = Walk::new(&x, &y);
            for quantile in [-2.326, 0.0, 2.326] {
                let plain = |mu: f64| wilcoxon_difference(mu, quantile, &x, &y);
                let (low, high) = (x[0] - y[y.len() - 1], x[x.len() - 1] - y[0]);
                let expected = plain(low).zip(plain(high)).and_then(|(at_low, at_high)| match () {
                    () if at_low <= 0.0 => Some(low),
                    () if at_high >= 0.0 => Some(high),
                    () => zeroin(low, high, at_low, at_high, plain),
                });
                assert_eq!(walk.root(quantile), expected, "seed {seed}: {x:?} {y:?}");
            }
        }
    }
}
