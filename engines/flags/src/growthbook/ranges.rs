//! The ranges of `0..1` of the variations.

use super::hash::hash;

/// Sums of weights outside of this are replaced by equal weights, as the clients do.
const WEIGHT_SUM: std::ops::RangeInclusive<f64> = 0.99..=1.01;

/// A range of `0..1`: start inclusive, end exclusive.
pub type Range = (f64, f64);

/// Equal weights for `variations` variations, which sum to one; empty for 0.
#[must_use]
pub fn equal_weights(variations: usize) -> Vec<f64> {
    #[allow(clippy::cast_precision_loss, reason = "a handful of variations")]
    let weight = 1.0 / variations.max(1) as f64;
    vec![weight; variations]
}

/// The weights that bucketing uses: the given weights if there is one per variation, all are non-negative and they sum to
/// about one. Otherwise equal weights.
#[must_use]
pub fn effective_weights(variations: usize, weights: Option<&[f64]>) -> Vec<f64> {
    weights
        .filter(|weights| fitting_weights(variations, weights))
        .map_or_else(|| equal_weights(variations), <[f64]>::to_vec)
}

/// Whether bucketing uses these weights unchanged.
#[must_use]
pub fn fitting_weights(variations: usize, weights: &[f64]) -> bool {
    weights.len() == variations
        && weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0)
        && WEIGHT_SUM.contains(&weights.iter().sum::<f64>())
}

/// The range of each variation. Coverage shortens each range at its end, so a subject keeps its variation while coverage
/// grows.
#[must_use]
pub fn bucket_ranges(variations: usize, coverage: f64, weights: Option<&[f64]>) -> Vec<Range> {
    let coverage = if coverage.is_nan() { 0.0 } else { coverage.clamp(0.0, 1.0) };
    let mut start = 0.0;
    let mut ranges = Vec::with_capacity(variations);
    for weight in effective_weights(variations, weights) {
        ranges.push((start, start + coverage * weight));
        start += weight;
    }
    ranges
}

/// Whether `n` is in the range.
#[must_use]
pub fn in_range(n: f64, range: Range) -> bool {
    n >= range.0 && n < range.1
}

/// The first variation with a range that contains `n`.
#[must_use]
pub fn choose_variation(n: f64, ranges: &[Range]) -> Option<usize> {
    ranges.iter().position(|range| in_range(n, *range))
}

/// The seed under which a namespace spreads subjects.
pub(super) fn namespace_seed(name: &str) -> String {
    format!("__{name}")
}

/// Whether a subject is in the experiment's range of a namespace, which separates the experiments of one namespace.
#[must_use]
pub fn in_namespace(value: &str, name: &str, range: Range) -> bool {
    hash(&namespace_seed(name), value, 1).is_some_and(|n| in_range(n, range))
}
