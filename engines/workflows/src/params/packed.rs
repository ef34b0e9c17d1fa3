//! Run-length encoding of stored arrays of whole numbers: runs of numbers with equal distance.
//!
//! A loop's range of 100,000 numbers then takes a few bytes in the log. Human-readable formats keep the list. Binary
//! formats store runs as a byte string, a type that no other value of a document has.

use serde::{Serialize, Serializer};

use super::Value;
use crate::bounds::ELEMENTS_MAX;

/// Shorter arrays are always lists.
const LEAST: usize = 1_000;

/// Serializes longs, as runs if that saves at least half of the bytes.
pub(crate) fn serialize<S: Serializer>(values: &[i64], serializer: S) -> Result<S::Ok, S::Error> {
    match pack(values).filter(|_| !serializer.is_human_readable()) {
        Some(packed) => serializer.serialize_bytes(&packed),
        None => values.serialize(serializer),
    }
}

/// Runs of first number, distance and count, each in variable-length bytes; `None` if a list takes fewer bytes.
fn pack(values: &[i64]) -> Option<Vec<u8>> {
    if values.len() < LEAST {
        return None;
    }
    let plain: usize = values.iter().map(|value| long_bytes(*value)).sum();
    let mut packed = Vec::new();
    let mut rest = values;
    while let [first, more @ ..] = rest {
        let by = more.first().map_or(0, |second| second.wrapping_sub(*first));
        let more = rest.windows(2).take_while(|pair| pair[1].wrapping_sub(pair[0]) == by).count();
        put(&mut packed, zigzag(*first));
        put(&mut packed, zigzag(by));
        put(&mut packed, more as u64 + 1);
        if packed.len() * 2 > plain {
            return None;
        }
        rest = &rest[more + 1..];
    }
    Some(packed)
}

/// Decodes runs; `None` for invalid bytes, or more numbers than an array may have.
pub(crate) fn unpack(mut packed: &[u8]) -> Option<Vec<i64>> {
    let mut values = Vec::new();
    while !packed.is_empty() {
        let mut at = unzigzag(take(&mut packed)?);
        let by = unzigzag(take(&mut packed)?);
        let count = usize::try_from(take(&mut packed)?).ok()?;
        if count == 0 || count > ELEMENTS_MAX - values.len() {
            return None;
        }
        values.reserve(count);
        for _ in 0..count {
            values.push(at);
            at = at.wrapping_add(by);
        }
    }
    Some(values)
}

const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

const fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8 & 0x7f) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f).checked_shl(shift)?;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Bytes of a whole number in MessagePack.
const fn long_bytes(value: i64) -> usize {
    match value {
        -32..=127 => 1,
        -128..=255 => 2,
        -32_768..=65_535 => 3,
        -2_147_483_648..=4_294_967_295 => 5,
        _ => 9,
    }
}

impl Value {
    /// Stored bytes, in MessagePack.
    #[must_use]
    pub fn stored_bytes(&self) -> usize {
        match self {
            Self::Null | Self::Boolean(_) => 1,
            Self::Long(value) => long_bytes(*value),
            Self::Double(_) => 9,
            Self::String(text) => 5 + text.len(),
            Self::StringArray(values) => 5 + values.iter().map(|text| 5 + text.len()).sum::<usize>(),
            Self::LongArray(values) => {
                let list = || values.iter().map(|value| long_bytes(*value)).sum();
                5 + pack(values).map_or_else(list, |packed| packed.len())
            }
            Self::DoubleArray(values) => 5 + 9 * values.len(),
            Self::BooleanArray(values) => 5 + values.len(),
            Self::Map(entries) => {
                5 + entries.iter().map(|(key, value)| 5 + key.len() + value.stored_bytes()).sum::<usize>()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(value: &Value) -> Vec<u8> {
        rmp_serde::to_vec_named(value).unwrap()
    }

    #[test]
    fn a_stored_array_is_read_back_and_takes_the_estimated_bytes() {
        let range =
            |from: i64, by: i64, count: i64| (0..count).map(move |at| from.wrapping_add(by.wrapping_mul(at)));
        let days = (1..=12).flat_map(|month| range(20_260_001 + month * 100, 1, 30).collect::<Vec<_>>());
        let scattered =
            (0..5_000_i64).map(|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64) >> (at % 60));
        for (name, values, bytes_max) in [
            ("a range", range(0, 1, 100_000).collect::<Vec<_>>(), 16),
            ("downwards", range(7, -1_000, 1_000_000).collect(), 16),
            ("one number", vec![-9; 2_000], 16),
            ("around the end", range(i64::MAX - 3, 1, 1_000).collect(), 32),
            ("days", days.clone().chain(days.clone()).chain(days).collect(), 500),
            ("scattered", scattered.collect(), 45_100),
            ("short", range(0, 1, 999).collect(), 3_000),
            ("none", Vec::new(), 8),
        ] {
            let value = Value::LongArray(values.clone());
            let bytes = stored(&value);
            assert!(
                bytes.len() <= bytes_max && bytes.len() <= value.stored_bytes(),
                "{name}: {}",
                bytes.len()
            );
            let read: Value = rmp_serde::from_slice(&bytes).unwrap();
            assert_eq!(read.array_len(), Some(values.len()), "{name}");
            assert!((0..values.len()).all(|at| read.element(at) == value.element(at)), "{name}");
            let json = serde_json::to_string(&value).unwrap();
            assert!(json.starts_with('[') && json.ends_with(']'), "{name}");
        }
    }

    #[test]
    fn each_stored_value_takes_at_most_the_estimated_bytes() {
        let map = [("a", Value::Null), ("b", Value::Double(0.5)), ("c", Value::BooleanArray(vec![true; 40]))];
        let map = map.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        for value in [
            Value::Map(map),
            Value::StringArray(vec!["x".repeat(300), String::new()]),
            Value::DoubleArray(vec![1.0; 70_000]),
            Value::Long(i64::MIN),
            Value::Long(-33),
            Value::String("y".repeat(70_000)),
        ] {
            let bytes = stored(&value).len();
            assert!(bytes <= value.stored_bytes(), "{}: {bytes}", value.sort());
        }
    }

    #[test]
    fn bytes_that_are_no_runs_are_no_array() {
        for bytes in
            [&[0x80][..], &[0], &[0, 0], &[0, 2, 0], &[0, 2, 0xff, 0xff, 0xff, 0xff, 0x0f], &[0xff; 12]]
        {
            assert_eq!(unpack(bytes), None, "{bytes:?}");
        }
        let bomb = [[0, 2, 0xc0, 0x84, 0x3d], [0, 2, 0xc0, 0x84, 0x3d]].concat();
        assert_eq!((unpack(&bomb[..5]).map(|all| all.len()), unpack(&bomb)), (Some(1_000_000), None));
    }
}
