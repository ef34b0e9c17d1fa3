//! The distribution of the two-sided Kolmogorov-Smirnov statistic of one sample.
//!
//! Source: Simard and L'Ecuyer, "Computing the two-sided Kolmogorov-Smirnov distribution" (JSS 2011), with the
//! regions of scipy's `kstwo`: closed forms at the ends, twice the one-sided tail far out, Durbin's matrix
//! (Marsaglia, Tsang and Wang, JSS 2003) where the matrix is small, and the expansion of Pelz and Good (JRSS B 1976)
//! elsewhere.

use std::f64::consts::PI;

use statrs::function::factorial::ln_factorial;

/// Above this many observations the matrix is not tried.
const SMALL: u64 = 140;

/// The probability that `D_n >= d` for a sample of `n` from a continuous distribution.
///
/// 1 for `n = 0` or `d` not above 0, and for NaN: no evidence.
#[must_use]
pub fn kolmogorov_tail(n: u64, d: f64) -> f64 {
    if n == 0 || d.is_nan() || d <= 0.0 {
        return 1.0;
    }
    if d >= 1.0 {
        return 0.0;
    }
    let size = n as f64;
    let t = size * d;
    if t <= 0.5 {
        return 1.0;
    }
    if t <= 1.0 {
        let log = ln_factorial(n) - size * size.ln() + size * (2.0 * t - 1.0).ln();
        return 1.0 - log.exp();
    }
    if t >= size - 1.0 {
        return 2.0 * (size * (-d).ln_1p()).exp();
    }
    let squared = t * d;
    if squared >= 370.0 {
        return 0.0;
    }
    let far = if n <= SMALL { 4.0 } else { 2.2 };
    let tail = if d >= 0.5 || squared >= far {
        2.0 * one_sided_tail(n, d)
    } else if n <= SMALL || (n <= 100_000 && size * d.powf(1.5) <= 1.4) {
        1.0 - durbin(n, d)
    } else {
        pelz_good(size, d)
    };
    tail.clamp(0.0, 1.0)
}

/// `P(D+_n >= d)`: a sum of positive terms (Birnbaum and Tingey, 1951), each by its logarithm.
fn one_sided_tail(n: u64, d: f64) -> f64 {
    let size = n as f64;
    let last = (size * (1.0 - d)).floor() as u64;
    let all = ln_factorial(n);
    let term = |j: u64| {
        let low = d + j as f64 / size;
        let high = 1.0 - low;
        if high <= 0.0 {
            return if j == n { (low.ln() * (size - 1.0)).exp() } else { 0.0 };
        }
        let choose = all - ln_factorial(j) - ln_factorial(n - j);
        (choose + (j as f64 - 1.0) * low.ln() + (n - j) as f64 * high.ln()).exp()
    };
    d * (0..=last.min(n)).map(term).sum::<f64>()
}

/// A square matrix times a power of two, so that its powers do not overflow.
#[derive(Clone)]
struct Scaled {
    side: usize,
    cells: Vec<f64>,
    exponent: i32,
}

const SCALE_BITS: i32 = 256;

impl Scaled {
    fn identity(side: usize) -> Self {
        let mut cells = vec![0.0; side * side];
        cells.iter_mut().step_by(side + 1).for_each(|cell| *cell = 1.0);
        Self { side, cells, exponent: 0 }
    }

    fn times(&self, other: &Self) -> Self {
        let side = self.side;
        let mut cells = vec![0.0; side * side];
        for (row, out) in cells.chunks_exact_mut(side).enumerate() {
            for (k, theirs) in other.cells.chunks_exact(side).enumerate() {
                let mine = self.cells[row * side + k];
                out.iter_mut().zip(theirs).for_each(|(cell, x)| *cell += mine * x);
            }
        }
        let mut product = Self { side, cells, exponent: self.exponent + other.exponent };
        if product.cells[side * side / 2].abs() > f64::powi(2.0, SCALE_BITS / 2) {
            product.cells.iter_mut().for_each(|cell| *cell *= f64::powi(2.0, -SCALE_BITS));
            product.exponent += SCALE_BITS;
        }
        product
    }
}

/// `P(D_n < d)` by the middle element of the n-th power of Durbin's matrix.
fn durbin(n: u64, d: f64) -> f64 {
    let nd = n as f64 * d;
    let k = nd.ceil() as usize;
    let h = k as f64 - nd;
    let side = 2 * k - 1;
    let mut edge = Vec::with_capacity(side);
    let mut inverse_factorials = vec![1.0];
    for j in 1..=side {
        let inverse = inverse_factorials[j - 1] / j as f64;
        edge.push((1.0 - h.powi(j as i32)) * inverse);
        inverse_factorials.push(inverse);
    }
    let corner = 1.0 - 2.0 * h.powi(side as i32) + (2.0 * h - 1.0).max(0.0).powi(side as i32);
    edge[side - 1] = corner * inverse_factorials[side];
    let mut matrix = Scaled { side, cells: vec![0.0; side * side], exponent: 0 };
    for row in 0..side {
        for column in 1..side.min(row + 2) {
            matrix.cells[row * side + column] = inverse_factorials[row + 1 - column];
        }
        matrix.cells[row * side] = edge[row];
    }
    for column in 0..side {
        matrix.cells[(side - 1) * side + column] = edge[side - 1 - column];
    }
    let mut power = Scaled::identity(side);
    let mut left = n;
    while left > 0 {
        if left & 1 == 1 {
            power = power.times(&matrix);
        }
        left >>= 1;
        if left > 0 {
            matrix = matrix.times(&matrix);
        }
    }
    let (mut p, mut exponent) = (power.cells[side * side / 2], power.exponent);
    for i in 1..=n {
        p *= i as f64 / n as f64;
        if p.abs() < f64::powi(2.0, -SCALE_BITS / 2) {
            p *= f64::powi(2.0, SCALE_BITS);
            exponent -= SCALE_BITS;
        }
    }
    p * f64::powi(2.0, exponent)
}

/// `P(D_n >= d)` by the expansion in powers of `1/sqrt(n)`, with transformed theta functions as terms.
fn pelz_good(n: f64, d: f64) -> f64 {
    let z = n.sqrt() * d;
    let (z2, pi2) = (z * z, PI * PI);
    let (z4, z6, z8) = (z2 * z2, z2 * z2 * z2, z2 * z2 * z2 * z2);
    let log_q = -pi2 / 8.0 / z2;
    if log_q < -708.0 {
        return 1.0;
    }
    let terms = (16.0 * z / PI).ceil() as i32;
    let mut sums = [0.0f64; 4];
    for k in (1..=terms).rev() {
        let m2 = f64::from(2 * k - 1).powi(2);
        let (m4, m6) = (m2 * m2, m2 * m2 * m2);
        let weight = (log_q * m2).exp();
        sums[0] += weight;
        sums[1] += weight * (-z2 + pi2 / 4.0 * m2);
        let second = (2.0 * z4 - 5.0 * z2) * pi2 / 4.0 * m2 + pi2 * pi2 * (1.0 - 2.0 * z2) / 16.0 * m4;
        sums[2] += weight * (6.0 * z6 + 2.0 * z4 + second);
        let third = pi2 * (135.0 * z4 - 96.0 * z6) / 4.0 * m2
            + pi2 * pi2 * (-60.0 * z2 + 212.0 * z4) / 16.0 * m4
            + pi2 * pi2 * pi2 * (5.0 - 30.0 * z2) / 64.0 * m6;
        sums[3] += weight * (-30.0 * z6 - 90.0 * z8 + third);
    }
    let root = (2.0 * PI).sqrt();
    let scales = [z, 6.0 * z4, 72.0 * z6 * z, 6480.0 * z8 * z2];
    for (sum, scale) in sums.iter_mut().zip(scales) {
        *sum *= root / scale;
    }
    let (mut extra2, mut extra3) = (0.0, 0.0);
    for k in (1..=terms).rev() {
        let k2 = f64::from(k).powi(2);
        let weight = (-pi2 / 2.0 / z2 * k2).exp();
        extra2 += k2 * weight;
        extra3 += (3.0 * z2 - pi2 * k2) * k2 * weight;
    }
    sums[2] += extra2 * pi2 * root / (-36.0 * z2 * z);
    sums[3] += extra3 * pi2 * root / (216.0 * z6);
    1.0 - sums[0] - sums[1] / n.sqrt() - sums[2] / n - sums[3] / n.powf(1.5)
}
