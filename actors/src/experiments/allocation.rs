//! Deterministic allocation, bit for bit as GrowthBook's SDKs do it (hash versions 1 and 2).

/// Where a value falls in `0..1` for a seed; `None` for an unknown hash version.
///
/// Version 2 hashes twice, because version 1 correlates between experiments with similar seeds:
/// `n = fnv1a32(decimal(fnv1a32(seed + value))) % 10000 / 10000`; version 1: `fnv1a32(value + seed) % 1000 / 1000`.
#[must_use]
pub fn hash(seed: &str, value: &str, version: u8) -> Option<f64> {
    match version {
        1 => Some(f64::from(fnv1a32(&[value, seed]) % 1_000) / 1_000.0),
        2 => {
            let inner = fnv1a32(&[seed, value]).to_string();
            Some(f64::from(fnv1a32(&[&inner]) % 10_000) / 10_000.0)
        }
        _ => None,
    }
}

/// The part of `0..1` that each variation takes: coverage is cut off the end of each. Weights that do not fit or do not
/// sum to one are replaced by equal ones.
#[must_use]
pub fn bucket_ranges(variations: usize, coverage: f64, weights: Option<&[f64]>) -> Vec<(f64, f64)> {
    let coverage = coverage.clamp(0.0, 1.0);
    #[allow(clippy::cast_precision_loss, reason = "a handful of variations")]
    let equal = vec![1.0 / variations.max(1) as f64; variations];
    let fits = |weights: &&[f64]| {
        let sum: f64 = weights.iter().sum();
        weights.len() == variations && (0.99..=1.01).contains(&sum)
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

/// The variation whose range holds `n`.
#[must_use]
pub fn choose(n: f64, ranges: &[(f64, f64)]) -> Option<usize> {
    ranges.iter().position(|(from, to)| n >= *from && n < *to)
}

fn fnv1a32(parts: &[&str]) -> u32 {
    let mut hash = 0x811c_9dc5_u32;
    for byte in parts.iter().flat_map(|part| part.bytes()) {
        hash ^= u32::from(byte);
        hash = hash.wrapping_mul(0x0100_0193);
    }
    hash
}
