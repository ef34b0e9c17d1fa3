//! Parsing and comparing of the values of a case.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::tally::Held;

pub(super) fn read<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| error.to_string())
}

pub(super) fn list<'v>(value: &'v Value, name: &str) -> Result<&'v [Value], String> {
    value[name].as_array().map(Vec::as_slice).ok_or_else(|| format!("{name} is not a list"))
}

pub(super) fn text<'v>(value: &'v Value, name: &str) -> Result<&'v str, String> {
    value[name].as_str().ok_or_else(|| format!("{name} is not a text"))
}

/// A number, or `inf` or `-inf`, which JSON numbers cannot express.
pub(super) fn number(value: &Value) -> Result<f64, String> {
    match value.as_str() {
        Some("inf") => Ok(f64::INFINITY),
        Some("-inf") => Ok(f64::NEG_INFINITY),
        _ => value.as_f64().ok_or_else(|| format!("{value} is not a number")),
    }
}

/// Numbers; NaN for a null.
pub(super) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().into_iter().flatten().map(|x| x.as_f64().unwrap_or(f64::NAN)).collect()
}

pub(super) fn same<T: PartialEq + std::fmt::Debug>(found: &T, expected: &T) -> Held {
    if found == expected { Ok(()) } else { Err(format!("found {found:?}, expected {expected:?}")) }
}

/// `found` is within a relative distance of `expected`.
pub(super) fn near(what: &str, found: f64, expected: f64, share: f64) -> Held {
    let agree = found == expected || (found - expected).abs() <= share * expected.abs().max(1e-12);
    if agree { Ok(()) } else { Err(format!("{what}: found {found}, expected {expected}")) }
}

/// `found` is within an absolute distance of `expected`.
pub(super) fn within(what: &str, found: f64, expected: f64, distance: f64) -> Held {
    if (found - expected).abs() <= distance {
        Ok(())
    } else {
        Err(format!("{what}: found {found}, expected {expected}"))
    }
}
