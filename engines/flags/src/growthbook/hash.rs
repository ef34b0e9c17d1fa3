//! GrowthBook's hashes of a subject into `0..1`, in both versions.

use serde_json::Value;
use std::borrow::Cow;

use super::number::js_string;

const OFFSET: u32 = 0x811c_9dc5;
const PRIME: u32 = 0x0100_0193;

/// The hash of `value` under `seed`, in `0..1`; `None` for a version other than 1 and 2.
///
/// Version 2 hashes twice because version 1 correlates between experiments with similar seeds:
/// `n = fnv1a32(decimal(fnv1a32(seed + value))) % 10000 / 10000`; version 1: `fnv1a32(value + seed) % 1000 / 1000`.
/// The hash is over UTF-16 code units, as JavaScript's `charCodeAt` gives them.
#[must_use]
pub fn hash(seed: &str, value: &str, version: u32) -> Option<f64> {
    Seed::new(seed, version).map(|seed| seed.bucket(value))
}

/// A prepared seed. Version 2 hashes the seed first, so that part is computed once.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Seed {
    /// Hashed after the value.
    First(Box<str>),
    /// The state after the seed.
    Second(u32),
}

impl Seed {
    /// The seed for a version, `None` where the version is unknown.
    pub(super) fn new(seed: &str, version: u32) -> Option<Seed> {
        match version {
            1 => Some(Seed::First(seed.into())),
            2 => Some(Seed::Second(fold(OFFSET, seed))),
            _ => None,
        }
    }

    /// Where a value falls in `0..1`.
    pub(super) fn bucket(&self, value: &str) -> f64 {
        match self {
            Seed::First(seed) => f64::from(fold(fold(OFFSET, value), seed) % 1_000) / 1_000.0,
            Seed::Second(state) => f64::from(fold_decimal(fold(*state, value)) % 10_000) / 10_000.0,
        }
    }
}

fn fold(state: u32, text: &str) -> u32 {
    if text.is_ascii() {
        text.bytes().fold(state, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(PRIME))
    } else {
        text.encode_utf16().fold(state, |hash, unit| (hash ^ u32::from(unit)).wrapping_mul(PRIME))
    }
}

/// The hash of a number's decimal digits, without writing them to a string.
fn fold_decimal(mut number: u32) -> u32 {
    let mut digits = [0_u8; 10];
    let mut from = digits.len();
    loop {
        from -= 1;
        digits[from] = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    digits[from..].iter().fold(OFFSET, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(PRIME))
}

/// The hashable form of an attribute: a non-empty string, or a finite non-zero number as JavaScript prints it. `None`
/// for any other value.
#[must_use]
pub fn hashable(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) if !text.is_empty() => Some(Cow::Borrowed(text)),
        Value::Number(number) => {
            let number = number.as_f64().filter(|x| *x != 0.0 && x.is_finite())?;
            Some(Cow::Owned(js_string(number)))
        }
        _ => None,
    }
}
