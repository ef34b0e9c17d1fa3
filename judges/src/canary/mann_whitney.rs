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
    let none = AnalysisError::NoVariance { arm: "both samples" };
    let root = |quantile: f64| Narrowing::new(&x, &y).root(quantile).ok_or_else(|| none.clone());
    Ok(Interval { low: root(-z)?, high: root(z)?, estimate: root(0.0)? })
}

/// The search for one root. A point of `x` whose rank among `y` is the same at both ends of the bracket keeps it inside:
/// it is counted once and left alone, so that a step of the search costs what the bracket has left open. The function
/// is [`wilcoxon_difference`], to the last digit.
struct Narrowing<'a> {
    x: &'a [f64],
    y: &'a [f64],
    /// Cubes of the tied groups within each sample.
    ties: f64,
    /// Places in `x` with the least and the most of `y` that may lie below, in order.
    open: Vec<(usize, usize, usize)>,
    /// Of `y` below the points that are not open.
    settled: f64,
    /// The ranks of the open points at the newest step.
    ranks: Vec<usize>,
}

fn cube(n: f64) -> f64 {
    n * n * n - n
}

fn cubes(sorted: &[f64]) -> f64 {
    sorted.chunk_by(|a, b| a == b).map(|group| cube(group.len() as f64)).sum()
}

impl<'a> Narrowing<'a> {
    fn new(x: &'a [f64], y: &'a [f64]) -> Self {
        let open = (0..x.len()).map(|at| (at, 0, y.len())).collect();
        Self { x, y, ties: cubes(x) + cubes(y), open, settled: 0.0, ranks: Vec::with_capacity(x.len()) }
    }

    fn difference(&mut self, mu: f64, quantile: f64) -> Option<f64> {
        let (nx, ny) = (self.x.len() as f64, self.y.len() as f64);
        let (mut below, mut ties, mut rank) = (self.settled, self.ties, 0);
        self.ranks.clear();
        // Points of `x` that are the same form one group with those of `y`: its cube grows with each.
        let mut tied: Option<(f64, f64)> = None;
        for &(at, least, most) in &self.open {
            let point = self.x[at] - mu;
            rank = rank.max(least);
            while rank < most && self.y[rank] < point {
                rank += 1;
            }
            self.ranks.push(rank);
            below += rank as f64;
            if self.y.get(rank).is_some_and(|y| *y == point) {
                let equal = self.y[rank..].iter().take_while(|y| **y == point).count() as f64;
                below += equal / 2.0;
                let before = tied.filter(|(same, _)| *same == point).map_or(0.0, |(_, own)| own);
                let grown =
                    |own: f64| if own > 0.0 { cube(own + equal) - cube(own) - cube(equal) } else { 0.0 };
                ties += grown(before + 1.0) - grown(before);
                tied = Some((point, before + 1.0));
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

    /// One step inside the bracket: what it finds becomes one of its ends.
    fn step(&mut self, mu: f64, quantile: f64) -> Option<f64> {
        let found = self.difference(mu, quantile)?;
        for (open, rank) in self.open.iter_mut().zip(&self.ranks) {
            // The function falls: above zero the root lies beyond, where no more are below than here.
            if found > 0.0 { open.2 = *rank } else { open.1 = *rank }
        }
        let settled = &mut self.settled;
        self.open.retain(|(_, least, most)| {
            if least >= most {
                *settled += *least as f64;
            }
            least < most
        });
        Some(found)
    }

    fn root(&mut self, quantile: f64) -> Option<f64> {
        let (low, high) = (self.x[0] - self.y[self.y.len() - 1], self.x[self.x.len() - 1] - self.y[0]);
        let (at_low, at_high) = (self.difference(low, quantile)?, self.difference(high, quantile)?);
        if at_low <= 0.0 {
            return Some(low);
        }
        if at_high >= 0.0 {
            return Some(high);
        }
        zeroin(low, high, at_low, at_high, |mu| self.step(mu, quantile))
    }
}

/// Brent's root as R's `zeroin2` finds it, step for step: the test is a step function, and another way to its root would
/// end elsewhere on the step.
fn zeroin(
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
    fn narrowing_ends_where_the_plain_function_does_with_and_without_ties() {
        for seed in 0..600_u32 {
            let mut random = SmallRng::seed_from_u64(seed.into());
            let steps = [4.0, 16.0, 1e9][seed as usize % 3];
            let mut sample = |shift: f64| {
                let count = random.random_range(1..60);
                let mut values: Vec<f64> =
                    (0..count).map(|_| ((random.random::<f64>() + shift) * steps).floor() / steps).collect();
                values.sort_by(f64::total_cmp);
                values
            };
            let (x, y) = (sample(0.3), sample(0.0));
            for quantile in [-2.326, 0.0, 2.326] {
                let plain = |mu: f64| wilcoxon_difference(mu, quantile, &x, &y);
                let (low, high) = (x[0] - y[y.len() - 1], x[x.len() - 1] - y[0]);
                let expected = plain(low).zip(plain(high)).and_then(|(at_low, at_high)| match () {
                    () if at_low <= 0.0 => Some(low),
                    () if at_high >= 0.0 => Some(high),
                    () => zeroin(low, high, at_low, at_high, plain),
                });
                assert_eq!(Narrowing::new(&x, &y).root(quantile), expected, "seed {seed}: {x:?} {y:?}");
            }
        }
    }
}
