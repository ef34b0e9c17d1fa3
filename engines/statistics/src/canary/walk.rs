//! The search for the ends of Mann and Whitney's interval.
//!
//! The search evaluates the statistic of `x - mu` against `y` at about twenty shifts. The cost of a shift is the count of
//! `y` below each `x`. Near an earlier shift, the count is a step or two from the point's old rank. Otherwise a table gives
//! the start of `y` in equal parts of its range. Mispredicted branches dominate the cost on random samples, so this path is
//! branch-free. The result equals [`super::mann_whitney::wilcoxon_difference`] to the last digit, because all sums are of
//! whole and half numbers.

use super::mann_whitney::zeroin;

/// Values of `y` in one part of the table that are counted without a branch.
const AHEAD: usize = 4;
/// Parts of the table for each value of `y`, so that most parts hold one or none.
const PARTS: usize = 2;
/// Steps from an old rank that are cheaper than the table, on average over the points.
const STEPS: f64 = 1.0;

/// The statistic at a shift, less the quantile.
#[derive(Clone, Copy)]
struct Tried {
    mu: f64,
    standardised: f64,
}

/// Both sorted samples and their tables.
pub(super) struct Walk<'a> {
    x: &'a [f64],
    y: &'a [f64],
    /// `y`, and infinities behind it.
    padded: Vec<f64>,
    /// The number of `y` before each part of its range.
    before: Vec<u32>,
    least: f64,
    scale: f64,
    /// Cubes of the tied groups within each sample.
    ties: f64,
    /// The newest shift that changed the ranks, and the ranks of `x` at it.
    at: f64,
    ranks: Vec<u32>,
    ends: Option<(Tried, Tried)>,
}

fn cube(n: f64) -> f64 {
    n * n * n - n
}

fn cubes(sorted: &[f64]) -> f64 {
    let mut sum = 0.0;
    let mut from = 0;
    for at in 1..=sorted.len() {
        if at == sorted.len() || sorted[at] != sorted[from] {
            if at - from > 1 {
                sum += cube((at - from) as f64);
            }
            from = at;
        }
    }
    sum
}

/// The groups of equal points of `x` that are some of `y` too.
#[derive(Default)]
struct Tied {
    point: f64,
    own: f64,
    equal: f64,
}

impl Tied {
    /// Adds a point of `x` that equals some of `y`, which begin there: by how much the cubes grow.
    fn grow(&mut self, point: f64, rest: &[f64]) -> f64 {
        if self.own == 0.0 || self.point != point {
            let equal = rest.partition_point(|y| *y <= point) as f64;
            *self = Self { point, own: 0.0, equal };
        }
        let of =
            |own: f64| if own > 0.0 { cube(own + self.equal) - cube(own) - cube(self.equal) } else { 0.0 };
        let grown = of(self.own + 1.0) - of(self.own);
        self.own += 1.0;
        grown
    }
}

impl<'a> Walk<'a> {
    pub(super) fn new(x: &'a [f64], y: &'a [f64]) -> Self {
        let mut padded = Vec::with_capacity(y.len() + AHEAD);
        padded.extend_from_slice(y);
        padded.resize(y.len() + AHEAD, f64::INFINITY);
        let parts = y.len() * PARTS;
        let (least, most) = (y[0], y[y.len() - 1]);
        // An empty or non-finite range has one part; then the search does not use the table.
        let scale = Some(parts as f64 / (most - least)).filter(|scale| scale.is_finite()).unwrap_or(0.0);
        let mut walk = Self {
            x,
            y,
            padded,
            before: vec![0; parts + 2],
            least,
            scale,
            ties: cubes(x) + cubes(y),
            at: f64::NAN,
            ranks: vec![0; x.len()],
            ends: None,
        };
        for value in y {
            let part = walk.part(*value);
            walk.before[part + 1] += 1;
        }
        let mut sum = 0;
        for before in &mut walk.before {
            sum += *before;
            *before = sum;
        }
        walk
    }

    /// The part in which a value lies; those of greater values are never before it.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast of a float ends at its bounds"
    )]
    fn part(&self, value: f64) -> usize {
        (((value - self.least) * self.scale) as usize).min(self.before.len() - 2)
    }

    /// How many of `y` lie below.
    fn rank(&self, value: f64) -> u32 {
        let part = self.part(value);
        let (from, to) = (self.before[part] as usize, self.before[part + 1] as usize);
        if to - from > AHEAD {
            return (from + self.y[from..to].partition_point(|y| *y < value)) as u32;
        }
        // What lies behind the part is not below the value: all four may be looked at.
        let ahead = &self.padded[from..from + AHEAD];
        (from + ahead.iter().map(|y| usize::from(*y < value)).sum::<usize>()) as u32
    }

    /// The standardised statistic at a shift; `None` without variance.
    fn standardised(&mut self, mu: f64) -> Option<f64> {
        let (nx, ny) = (self.x.len() as f64, self.y.len() as f64);
        let near = (mu - self.at).abs() * self.scale / PARTS as f64;
        if near < STEPS {
            for (x, rank) in self.x.iter().zip(&mut self.ranks) {
                let point = x - mu;
                let mut at = *rank as usize;
                while at < self.y.len() && self.y[at] < point {
                    at += 1;
                }
                while at > 0 && self.y[at - 1] >= point {
                    at -= 1;
                }
                *rank = at as u32;
            }
        } else {
            let mut ranks = std::mem::take(&mut self.ranks);
            for (x, rank) in self.x.iter().zip(&mut ranks) {
                *rank = self.rank(x - mu);
            }
            self.ranks = ranks;
        }
        self.at = mu;
        let below: u64 = self.ranks.iter().map(|rank| u64::from(*rank)).sum();
        let (mut below, mut ties) = (below as f64, self.ties);
        let mut tied = Tied::default();
        for (x, rank) in self.x.iter().zip(&self.ranks) {
            let point = x - mu;
            if self.padded[*rank as usize] == point {
                ties += tied.grow(point, &self.y[*rank as usize..]);
                below += tied.equal / 2.0;
            }
        }
        let difference = below - nx * ny / 2.0;
        let n = nx + ny;
        let sigma = (nx * ny / 12.0 * (n + 1.0 - ties / (n * (n - 1.0)))).sqrt();
        if sigma == 0.0 || sigma.is_nan() {
            return None;
        }
        let correction = if difference == 0.0 { 0.0 } else { difference.signum() * 0.5 };
        Some((difference - correction) / sigma)
    }

    fn try_at(&mut self, mu: f64) -> Option<Tried> {
        Some(Tried { mu, standardised: self.standardised(mu)? })
    }

    /// The least and the greatest shift of the search.
    fn ends(&mut self) -> Option<(Tried, Tried)> {
        if self.ends.is_none() {
            let low = self.try_at(self.x[0] - self.y[self.y.len() - 1])?;
            let high = self.try_at(self.x[self.x.len() - 1] - self.y[0])?;
            self.ends = Some((low, high));
        }
        self.ends
    }

    /// The shift at which the statistic equals this quantile.
    pub(super) fn root(&mut self, quantile: f64) -> Option<f64> {
        let (low, high) = self.ends()?;
        let (at_low, at_high) = (low.standardised - quantile, high.standardised - quantile);
        if at_low <= 0.0 {
            return Some(low.mu);
        }
        if at_high >= 0.0 {
            return Some(high.mu);
        }
        zeroin(low.mu, high.mu, at_low, at_high, |mu| Some(self.standardised(mu)? - quantile))
    }
}
