//! The parts of `0..1` that variations take.

use super::hash::hash;

/// Sums of weights outside of this are replaced by equal weights, as the clients do.
const WEIGHT_SUM: std::ops::RangeInclusive<f64> = 0.99..=1.01;

/// A part of `0..1`: from inclusive, to exclusive.
pub type Range = (f64, f64);

/// The same weight for each of `variations`, which sum to one; none for none.
#[must_use]
pub fn equal_weights(variations: usize) -> Vec<f64> {
    #[allow(clippy::cast_precision_loss, reason = "a handful of variations")]
    let weight = 1.0 / variations.max(1) as f64;
    vec![weight; variations]
}

/// The weights that bucketing uses: those given where there is one per variation, none is negative and they sum to about
/// one, else equal ones.
#[must_use]
pub fn effective_weights(variations: usize, weights: Option<&[f64]>) -> Vec<f64> {
    weights
        .filter(|weights| fitting_weights(variations, weights))
        .map_or_else(|| equal_weights(variations), <[f64]>::to_vec)
}

/// Whether bucketing takes these weights as they are.
#[must_use]
pub fn fitting_weights(variations: usize, weights: &[f64]) -> bool {
    weights.len() == variations
        && weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0)
        && WEIGHT_SUM.contains(&weights.iter().sum::<f64>())
}

/// The part of `0..1` that each variation takes: coverage is cut off the end of each, so that a subject that is in stays
/// in, with its variation, while coverage grows.
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

/// The first variation whose range holds `n`.
#[must_use]
pub fn choose_variation(n: f64, ranges: &[Range]) -> Option<usize> {
    ranges.iter().position(|range| in_range(n, *range))
}

/// The seed under which a namespace spreads subjects.
pub(super) fn namespace_seed(name: &str) -> String {
    format!("__{name}")
}

/// Whether a subject is in its part of a namespace, which is what keeps experiments of one namespace apart.
#[must_use]
pub fn in_namespace(value: &str, name: &str, range: Range) -> bool {
    hash(&namespace_seed(name), value, 1).is_some_and(|n| in_range(n, range))
}
