//! Where one bin ends and the next begins.

use serde::{Deserialize, Serialize};

use crate::drift::error::{DriftError, ensure, ensure_finite};

/// A layout of bins over the real line: open at both ends, each bin closed at its left edge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<f64>", into = "Vec<f64>")]
pub struct Bins {
    edges: Vec<f64>,
}

impl Bins {
    /// Bins between these edges, which are finite and rise: `n` edges part `n + 1` bins.
    ///
    /// # Errors
    ///
    /// [`DriftError::NotFinite`], or [`DriftError::Value`] at the first edge that does not rise.
    pub fn between(edges: Vec<f64>) -> Result<Self, DriftError> {
        ensure_finite(&edges, "edges", 0)?;
        if let Some(pair) = edges.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(DriftError::Value { field: "edges", got: pair[1], fix: "give edges that rise" });
        }
        Ok(Self { edges })
    }

    /// Bins that hold equal parts of a reference sample.
    ///
    /// Edges are the quantiles, interpolated linearly. A reference of at most `bins` distinct values gets a bin for
    /// each, and one below and one above for what it never held: so a constant feature is watched too. Values with
    /// much weight swallow the quantiles that fall on them, which leaves fewer bins.
    ///
    /// # Errors
    ///
    /// [`DriftError::TooFew`] or [`DriftError::NotFinite`] for the sample, [`DriftError::Value`] unless `bins` is 2
    /// to 1024.
    pub fn over(reference: &[f64], bins: usize) -> Result<Self, DriftError> {
        ensure_finite(reference, "reference", 1)?;
        ensure((2..=1024).contains(&bins), "bins", bins as f64, "give 2 to 1024")?;
        let mut sorted = reference.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let mut edges = match distinct(&sorted, bins) {
            Some(values) => around(&values),
            None => (1..bins).map(|i| quantile(&sorted, i as f64 / bins as f64)).collect(),
        };
        edges.dedup_by(|later, earlier| later <= earlier);
        Ok(Self { edges })
    }

    /// How many bins there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.edges.len() + 1
    }

    /// The edges between bins.
    #[must_use]
    pub fn edges(&self) -> &[f64] {
        &self.edges
    }

    /// The bin of a value, found in `O(log bins)`; `None` for NaN. Infinities lie in the outer bins.
    #[must_use]
    pub fn place(&self, x: f64) -> Option<usize> {
        (!x.is_nan()).then(|| self.edges.partition_point(|edge| *edge <= x))
    }
}

impl TryFrom<Vec<f64>> for Bins {
    type Error = DriftError;

    fn try_from(edges: Vec<f64>) -> Result<Self, DriftError> {
        Self::between(edges)
    }
}

impl From<Bins> for Vec<f64> {
    fn from(bins: Bins) -> Self {
        bins.edges
    }
}

/// The distinct values, if there are at most `most`.
fn distinct(sorted: &[f64], most: usize) -> Option<Vec<f64>> {
    let mut values: Vec<f64> = Vec::with_capacity(most + 1);
    for &x in sorted {
        if values.last() != Some(&x) {
            values.push(x);
            if values.len() > most {
                return None;
            }
        }
    }
    Some(values)
}

/// Edges that give each value a bin, with a bin below the first and one above the last.
fn around(values: &[f64]) -> Vec<f64> {
    let (first, last) = (values[0], values[values.len() - 1]);
    let middles = values.windows(2).map(|pair| f64::midpoint(pair[0], pair[1]));
    let after = Some(last.next_up()).filter(|edge| edge.is_finite());
    std::iter::once(first).chain(middles).chain(after).collect()
}

/// The quantile by linear interpolation, as numpy's default.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let low = sorted[at.floor() as usize];
    let high = sorted[at.ceil() as usize];
    let t = at.fract();
    if !(high - low).is_finite() {
        return low * (1.0 - t) + high * t;
    }
    if t >= 0.5 { high - (high - low) * (1.0 - t) } else { low + (high - low) * t }
}
