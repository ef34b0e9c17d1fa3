//! The sufficient statistics of an arm: sums and sums of products.

use serde::{Deserialize, Serialize};

/// Four numbers of each member: the metric, its denominator, and the same two before the exposure.
pub(super) const NUMBERS: usize = 4;

/// The sums over an arm's members. Sums are additive: arms merge, and members change or leave, without a second pass. They
/// are plain sums, so a metric with a mean of millions of standard deviations loses digits: shift it before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Joint {
    /// Members.
    pub n: u64,
    /// Of the metric, its denominator, and both before the exposure.
    pub sums: [f64; NUMBERS],
    /// Of the products of any two of them; symmetric.
    pub products: [[f64; NUMBERS]; NUMBERS],
}

impl Joint {
    /// An arm with one number per member.
    #[must_use]
    pub fn of_means(n: u64, sum: f64, sum_of_squares: f64) -> Self {
        let mut joint = Self { n, ..Self::default() };
        joint.sums[0] = sum;
        joint.products[0][0] = sum_of_squares;
        joint
    }

    /// Adds a member: metric, denominator, and both before the exposure; 0 for unused numbers.
    pub fn fold(&mut self, member: [f64; NUMBERS]) {
        self.n += 1;
        for (at, a) in member.into_iter().enumerate() {
            self.sums[at] += a;
            for (other, b) in member.into_iter().enumerate() {
                self.products[at][other] += a * b;
            }
        }
    }

    /// Both arms together.
    #[must_use]
    pub fn merged(mut self, other: &Self) -> Self {
        self.n += other.n;
        for at in 0..NUMBERS {
            self.sums[at] += other.sums[at];
            for also in 0..NUMBERS {
                self.products[at][also] += other.products[at][also];
            }
        }
        self
    }

    pub(super) fn mean(&self, at: usize) -> f64 {
        self.sums[at] / self.n as f64
    }

    /// The sample covariance of two of the numbers.
    pub(super) fn covariance(&self, a: usize, b: usize) -> f64 {
        let n = self.n as f64;
        (self.products[a][b] - self.sums[a] * self.sums[b] / n) / (n - 1.0)
    }

    /// The sample covariance of two linear combinations of the numbers.
    pub(super) fn covariance_along(&self, f: &[f64; NUMBERS], g: &[f64; NUMBERS]) -> f64 {
        let mut sum = 0.0;
        for (a, fa) in f.iter().enumerate().filter(|(_, fa)| **fa != 0.0) {
            for (b, gb) in g.iter().enumerate().filter(|(_, gb)| **gb != 0.0) {
                sum += fa * gb * self.covariance(a, b);
            }
        }
        sum
    }

    pub(super) fn is_finite(&self) -> bool {
        self.sums.iter().chain(self.products.iter().flatten()).all(|x| x.is_finite())
    }
}
