//! Where a subject falls.

/// Where a value falls in `0..1` for a seed; `None` for an unknown hash version.
///
/// Version 2 hashes twice, because version 1 correlates between experiments with similar seeds:
/// `n = fnv1a32(decimal(fnv1a32(seed + value))) % 10000 / 10000`; version 1: `fnv1a32(value + seed) % 1000 / 1000`.
/// Texts are hashed by their UTF-16 code units, as `charCodeAt` gives them.
#[must_use]
pub fn hash(seed: &str, value: &str, version: i64) -> Option<f64> {
    match version {
        1 => Some(f64::from(with(with(BASIS, value), seed) % 1_000) / 1_000.0),
        2 => {
            let inner = with(with(BASIS, seed), value);
            Some(f64::from(decimal(inner) % 10_000) / 10_000.0)
        }
        _ => None,
    }
}

const BASIS: u32 = 0x811c_9dc5;
const PRIME: u32 = 0x0100_0193;

fn with(mut hash: u32, text: &str) -> u32 {
    if text.is_ascii() {
        for byte in text.bytes() {
            hash = (hash ^ u32::from(byte)).wrapping_mul(PRIME);
        }
    } else {
        for unit in text.encode_utf16() {
            hash = (hash ^ u32::from(unit)).wrapping_mul(PRIME);
        }
    }
    hash
}

/// The hash of a number's decimal digits, without writing them to the heap.
fn decimal(mut n: u32) -> u32 {
    let mut digits = [0_u8; 10];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(n % 10).unwrap_or(0);
        n /= 10;
        if n == 0 {
            break;
        }
    }
    digits[at..].iter().fold(BASIS, |hash, digit| (hash ^ u32::from(*digit)).wrapping_mul(PRIME))
}
