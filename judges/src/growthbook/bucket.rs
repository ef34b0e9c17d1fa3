//! From a place in `0..1` to a variation.

/// Shares that are all the same.
#[must_use]
pub fn equal_weights(variations: usize) -> Vec<f64> {
    vec![1.0 / variations.max(1) as f64; variations]
}

/// The part of `0..1` that each variation takes: coverage is cut off the end of each. Weights that do not fit, are
/// negative or do not sum to one are replaced by equal ones.
#[must_use]
pub fn bucket_ranges(variations: usize, coverage: f64, weights: Option<&[f64]>) -> Vec<(f64, f64)> {
    let coverage = if coverage.is_nan() { 1.0 } else { coverage.clamp(0.0, 1.0) };
    let equal = equal_weights(variations);
    let fits = |weights: &&[f64]| {
        let sum: f64 = weights.iter().sum();
        weights.len() == variations
            && weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0)
            && (0.99..=1.01).contains(&sum)
    };
    let weights = weights.filter(fits).unwrap_or(&equal);
    let mut start = 0.0;
    let mut ranges = Vec::with_capacity(variations);
    for weight in weights {
        ranges.push((start, start + coverage * weight));
        start += weight;
    }
    ranges
}

/// Whether a range holds `n`: its begin and not its end.
pub(super) fn within(n: f64, range: (f64, f64)) -> bool {
    n >= range.0 && n < range.1
}

/// The variation whose range holds `n`.
#[must_use]
pub fn choose(n: f64, ranges: &[(f64, f64)]) -> Option<usize> {
    ranges.iter().position(|range| within(n, *range))
}

/// Whether a subject is in a part of a namespace.
#[must_use]
pub fn in_namespace(value: &str, (id, from, to): (&str, f64, f64)) -> bool {
    super::hash::hash(&format!("__{id}"), value, 1).is_some_and(|n| within(n, (from, to)))
}

/// The variation that a URL's query asks for, as `?my-test=1`.
#[must_use]
pub fn query_override(key: &str, url: &str, variations: usize) -> Option<usize> {
    let (_, query) = url.split_once('?')?;
    let query = query.split('#').next().unwrap_or_default();
    let value = query.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        (name == key).then_some(value)
    })?;
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|variation| digits && *variation < variations)
}
